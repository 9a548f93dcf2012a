"""One point of a pruning space: the kept channel indices of every group."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cpruner.candidate.plan import FIXED, Plan
from cpruner.errors import ArtefactError, InputError

_FORMAT = 2


@dataclass(frozen=True)
class Candidate:
    """Kept indices per group; equal and hashed by what it keeps and by the structure it was made for.

    Args:
        kept: Sorted kept unit indices of every group, numbered from 0 inside the group.
        plan: The surgery plan of the network.
    """

    kept: tuple[tuple[int, ...], ...]
    plan: Plan = field(repr=False, compare=False)
    structure: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "structure", self.plan.fingerprint)
        if len(self.kept) != len(self.plan.sizes):
            raise InputError(
                "candidate",
                expected=f"{len(self.plan.sizes)} groups",
                got=len(self.kept),
                remedy="Make it with its own space.",
            )
        for name, size, kept in zip(self.plan.names, self.plan.sizes, self.kept, strict=True):
            legal = bool(kept) and all(isinstance(i, int) and 0 <= i < size for i in kept)
            legal = legal and list(kept) == sorted(set(kept))
            if not legal:
                raise InputError(
                    f"kept channels of group '{name}'",
                    expected=f"sorted, distinct indices in [0, {size}), at least one",
                    got=kept,
                    remedy="Keep at least one channel per group.",
                )

    @cached_property
    def widths(self) -> tuple[int, ...]:
        """Number of kept channels per group."""
        return tuple(len(kept) for kept in self.kept)

    @cached_property
    def alive(self) -> NDArray[np.bool_]:
        """Boolean per unit, with one more True at the end so that unit FIXED (-1) is always alive."""
        mask = np.zeros(int(self.plan.offsets[-1]) + 1, dtype=bool)
        widths = self.widths
        kept = np.fromiter(chain.from_iterable(self.kept), np.int64, sum(widths))
        mask[kept + np.repeat(self.plan.offsets[:-1], widths)] = True
        mask[FIXED] = True
        return mask

    def indices(self, labels: int) -> NDArray[np.int64]:
        """Positions that stay along an axis, given the number of its labels in the plan's table."""
        return self.kept_indices[labels]

    @cached_property
    def kept_indices(self) -> list[NDArray[np.int64]]:
        """Positions that stay along the axis of every entry of the plan's table, found in one pass over all of them."""
        table = self.plan.units
        alive = self.alive[table.first]
        for rows, units in table.further:
            alive[rows] &= self.alive[units]
        kept = np.flatnonzero(alive)
        ends = np.searchsorted(kept, table.offsets)
        kept -= np.repeat(table.offsets[:-1], np.diff(ends))
        return [kept[start:end] for start, end in pairwise(ends.tolist())]

    def to_json(self) -> str:
        """Self-contained text: kept indices by group name, and the plan."""
        kept = dict(zip(self.plan.names, map(list, self.kept), strict=True))
        return json.dumps({"format": _FORMAT, "kept": kept, "structure": self.structure, "plan": self.plan.to_dict()})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Candidate":
        """Inverse of ``to_json``.

        Raises:
            ArtefactError: Not the text of a candidate, or of a newer format.
        """
        try:
            data: dict[str, Any] = json.loads(text)
            if data["format"] != _FORMAT:
                raise ArtefactError(
                    f"candidate: expected format {_FORMAT}, got {data['format']}. Use the cpruner that wrote it."
                )
            plan = Plan.from_dict(data["plan"])
            if data["structure"] != plan.fingerprint:
                raise ArtefactError("candidate: expected the plan it was saved with, got a changed one. Save it again.")
            return cls(tuple(tuple(data["kept"][name]) for name in plan.names), plan)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ArtefactError(
                f"candidate: expected the JSON text of Candidate.to_json, got {error!r}. Use an undamaged copy."
            ) from error


def keep_best(plan: Plan, ranking: Sequence[Sequence[int]], widths: Sequence[int]) -> Candidate:
    """Keep the ``widths[g]`` best-ranked channels of every group g."""
    kept = (tuple(sorted(order[:width])) for order, width in zip(ranking, widths, strict=True))
    return Candidate(tuple(tuple(int(i) for i in group) for group in kept), plan)
