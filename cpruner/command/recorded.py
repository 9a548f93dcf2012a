"""What the checkpoint in a run directory tells of a search.

Axis letters: E evaluations, G groups.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cpruner.errors import ArtefactError
from cpruner.report import Course, History


@dataclass(frozen=True)
class Recorded:
    """A search as it was left.

    Args:
        constraints: Names of the budgets.
        history: Its course; groups go by number, and ratios are shares of the widest candidate.
    """

    constraints: tuple[str, ...]
    history: History


def recorded(run_dir: Path, search: str) -> Recorded:
    """Read the checkpoint of a search; nothing is unpickled but tensors and plain values.

    Raises:
        ArtefactError: There is none, or it is damaged.
    """
    path = run_dir / "search" / f"{search}.pt"
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in path.parent.glob("*.pt"))) or "no search"
        raise ArtefactError(f"run directory: expected {path}, got {there}. Give the folder of a run of the command.")
    try:
        state = torch.load(path, weights_only=True)
        names = tuple(state["identity"]["constraints"])
        return Recorded(names, _history(state))
    except Exception as error:
        why = f"{type(error).__name__}: {error}".splitlines()[0]
        raise ArtefactError(f"{path}: expected a checkpoint as written by a search, got {why}.") from error


def _history(state: Mapping[str, Any]) -> History:
    course = Course()
    width_EG = np.array([[len(kept) for kept in record["kept"]] for record in state["archive"]], dtype=np.float64)
    ratio_EG = width_EG / width_EG.max(axis=0)
    for record, ratio_G in zip(state["archive"], ratio_EG.tolist(), strict=True):
        scaled = {reading["name"]: reading["value"] / reading["limit"] for reading in record["readings"]}
        course.judged(record["score"]["accuracy"], scaled, {str(g): ratio for g, ratio in enumerate(ratio_G)})
    for update in state["updates"]:
        course.learnt(update["multipliers"], update["scalars"])
    return course.history
