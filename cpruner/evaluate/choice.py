"""What was measured and chosen for a run, kept in its directory, so that a resumed run is judged in the same way."""

import dataclasses
import json
from pathlib import Path

from cpruner.errors import CheckpointError, InputError
from cpruner.evaluate.numerics import Numerics
from cpruner.evaluate.spec import Judging

CHOICE = "judging.json"


def record(chosen: Judging, asked: Judging, folder: Path | None) -> None:
    """Write the chosen numerics, if they were to be measured.

    Args:
        chosen: Options with every choice made, as a ``Scorer`` holds them.
        asked: Options as they were given.
        folder: The run directory, made if it is missing; None writes nothing.
    """
    if folder is None or asked.mode != "measured":
        return
    folder.mkdir(parents=True, exist_ok=True)
    names = [field.name for field in dataclasses.fields(Numerics)]
    (folder / CHOICE).write_text(json.dumps({name: getattr(chosen, name) for name in names}) + "\n", encoding="utf-8")


def recalled(judging: Judging, folder: Path | None) -> Judging:
    """The options, with what an earlier run has chosen in the place of a new measurement.

    Args:
        judging: Options of the run at hand.
        folder: Directory of the run that is continued, or None.

    Raises:
        CheckpointError: What was written there cannot be read.
    """
    path = None if folder is None else folder / CHOICE
    if judging.mode != "measured" or path is None or not path.is_file():
        return judging
    try:
        chosen = Numerics(**json.loads(path.read_text(encoding="utf-8")))
        return dataclasses.replace(judging, mode="fixed", **dataclasses.asdict(chosen))
    except (ValueError, TypeError, InputError) as error:
        raise CheckpointError(
            f"{path}: expected the numerics an earlier run has chosen, got {error}. Use an undamaged copy, or set "
            "judging.mode=fixed and the options by hand."
        ) from error
