"""From units to groups: units that occupy the same tensor axes equally often need one number, their width."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from cpruner.candidate import FIXED, Labels
from cpruner.space.group import Frozen
from cpruner.space.label.resolve import Resolution, resolve
from cpruner.space.label.sheet import Sheet

Array = NDArray[np.int64]
Axes = Mapping[tuple[str, int], Tensor]


@dataclass(frozen=True)
class _Members:
    """One group in the making: its first axis, and the components that are its units."""

    leader: tuple[str, int]
    units: Array


@dataclass(frozen=True)
class Partition:
    """Groups of units in network order, the first axis of every group, and what is frozen.

    Args:
        resolution: Components of the labels.
        number: Number of every component that is a unit.
        sizes: Units per group.
        leaders: The axis that makes the channels of a group first.
        frozen: What cannot go, and why.
    """

    resolution: Resolution
    number: Mapping[int, int]
    sizes: tuple[int, ...]
    leaders: tuple[tuple[str, int], ...]
    frozen: tuple[Frozen, ...]

    @cached_property
    def _table_CF(self) -> Array:
        """Numbers of the units that every component needs, lowest first, padded with FIXED."""
        table_CF = self.resolution.table_CF
        number_C = np.full(len(table_CF) + 1, FIXED, dtype=np.int64)
        number_C[list(self.number)] = list(self.number.values())
        numbers = number_C[table_CF]
        numbers[numbers == FIXED] = np.iinfo(np.int64).max
        numbers.sort(axis=1)
        numbers[numbers == np.iinfo(np.int64).max] = FIXED
        return numbers

    def units(self, vector: Tensor) -> Array:
        """Numbers of the units that labels need, lowest first, padded with FIXED; shape (N, F)."""
        units: Array = self._table_CF[self.resolution.component[vector.flatten().numpy()]]
        return units

    def labels(self, vector: Tensor) -> Labels:
        """The units along an axis, as many factors as the busiest index needs."""
        return stacked(self.units(vector))


def stacked(units_NF: Array) -> Labels:
    """Labels from the units that every index needs, without the factors that nobody needs."""
    used = (units_NF != FIXED).any(0)
    used[0] = True
    return Labels(tuple(map(tuple, units_NF[:, used].T.tolist())))


def partition(sheet: Sheet, axes: Axes, producers: Mapping[tuple[str, int], int]) -> Partition:
    """Split labels into units and groups.

    Args:
        sheet: Ties, definitions and freezes of a finished trace.
        axes: Labels along every parameter and buffer axis met.
        producers: Axes that make channels, with the order in which they first ran.
    """
    resolution = resolve(sheet)
    while True:
        rows = [resolution.table_CF[resolution.component[vector.numpy()]] for vector in axes.values()]
        groups = _groups(rows, list(axes), producers, len(resolution.table_CF))
        ragged = _ragged(rows, groups)
        single = {
            int(group.units[0]): f"a single channel (axis {group.leader[1]})"
            for group in groups
            if len(group.units) == 1
        }
        resolution = resolution.freeze({**single, **ragged})
        if not ragged:
            break
    groups = [group for group in groups if len(group.units) > 1]
    ordered = [unit for group in groups for unit in group.units.tolist()]
    return Partition(
        resolution=resolution,
        number={unit: number for number, unit in enumerate(ordered)},
        sizes=tuple(len(group.units) for group in groups),
        leaders=tuple(group.leader for group in groups),
        frozen=_frozen(resolution, axes),
    )


def _groups(
    rows: Sequence[Array], keys: Sequence[tuple[str, int]], producers: Mapping[tuple[str, int], int], count: int
) -> list[_Members]:
    """Units that occupy the same axes equally often, in the order in which their channels are first made.

    Every axis has a random 64-bit number; the sum of these over the places of a unit stands for its footprint.
    """
    generator = np.random.default_rng(0)
    print_C = np.zeros(count, dtype=np.uint64)
    lead_C = np.full(count, len(keys), dtype=np.int64)
    order = sorted(range(len(keys)), key=lambda n: (producers.get(keys[n], len(producers)), n))
    rank = {number: place for place, number in enumerate(order)}
    for number, axis in enumerate(rows):
        units, times = np.unique(axis[axis != FIXED], return_counts=True)
        mark = generator.integers(1, 2**63, dtype=np.uint64)
        print_C[units] += mark * times.astype(np.uint64)
        lead_C[units] = np.minimum(lead_C[units], rank[number])
    alive = np.flatnonzero(print_C)
    _, first, place = np.unique(print_C[alive], return_index=True, return_inverse=True)
    groups = [_Members(keys[order[lead_C[alive[f]]]], alive[place == g]) for g, f in enumerate(first)]
    return sorted(groups, key=lambda group: (producers.get(group.leader, len(producers)), int(group.units[0])))


def _ragged(rows: Sequence[Array], groups: Sequence[_Members]) -> dict[int, str]:
    """Units of groups that share an axis without forming a full block there: the later group stays whole."""
    count = max((int(axis.max()) for axis in rows if axis.size), default=0) + 1
    group_C = np.full(count + 1, FIXED, dtype=np.int64)
    for number, group in enumerate(groups):
        group_C[group.units] = number
    bad: set[int] = set()
    for axis in rows:
        shared = axis[(axis != FIXED).sum(axis=1) > 1]
        cells, counts = np.unique(shared, axis=0, return_counts=True)
        kinds = np.sort(group_C[cells], axis=1)
        for kind in np.unique(kinds, axis=0):
            members = [number for number in kind.tolist() if number != FIXED]
            times = counts[(kinds == kind).all(1)]
            full = int(np.prod([len(groups[number].units) for number in members]))
            if len(set(members)) < len(members) or len(times) != full or len(set(times.tolist())) > 1:
                bad.add(max(members))
    return {
        unit: "does not form a block with another group of its axis"
        for number in bad
        for unit in groups[number].units.tolist()
    }


def _frozen(resolution: Resolution, axes: Axes) -> tuple[Frozen, ...]:
    found = []
    stays_C = resolution.table_CF[:, 0] == FIXED
    for (tensor, axis), labels in axes.items():
        own = resolution.component[labels.numpy()]
        kept = own[stays_C[own]]
        reason = resolution.reason(int(kept[0])) if len(kept) else None
        if reason is not None and reason != "kernel window":
            found.append(Frozen(tensor, axis, len(own), len(kept), reason))
    return tuple(found)
