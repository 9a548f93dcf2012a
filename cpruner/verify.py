"""``python -m cpruner.verify RUN_DIR``: measure a saved network again in this process, which has seen nothing else.

Model and data are rebuilt from the composed config, the artefact is loaded, every budget is read against the limits
the search was given, and both splits are scored. Writes ``certificate.json``; exit status 1 when a budget does not
hold, 2 when there is nothing to measure.
"""

import json
import sys
from pathlib import Path

from cpruner.command.certificate import CERTIFICATE, LIMITS, measure, write
from cpruner.errors import ArtefactError, CprunerError, InputError
from cpruner.schema import load_job


def main(arguments: list[str]) -> int:
    """Verify one run directory.

    Raises:
        InputError: Not one argument.
        ArtefactError: The directory is not that of a run that has found a network.
    """
    if len(arguments) != 1:
        got = " ".join(arguments) or "nothing"
        raise InputError("arguments", expected="one run directory", got=got, remedy="Give runs/<job>/latest.")
    run_dir = Path(arguments[0])
    job, limits = load_job(run_dir), run_dir / LIMITS
    if not limits.is_file():
        raise ArtefactError(f"run directory: expected {limits}, got no such file. Give the folder of a finished run.")
    certificate = measure(job, run_dir, json.loads(limits.read_text()))
    write(run_dir / CERTIFICATE, certificate)
    return 0 if all(budget["satisfied"] for budget in certificate["budgets"]) else 1


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CprunerError as error:
        sys.stderr.write(f"cpruner.verify: {error}\n")
        sys.exit(2)
