"""Which axes of a value shrink, and whether what is kept of it is a block that a tensor can hold."""

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cpruner.candidate import FIXED, Labels
from cpruner.space.label import Partition, Planes, stacked, support
from cpruner.space.run import Value

Array = NDArray[np.int64]


class Layout:
    """Answers questions about the labels of recorded values, once groups are known.

    Args:
        parts: Groups and units of the finished trace.
    """

    def __init__(self, parts: Partition) -> None:
        self._parts = parts
        self._known: dict[int, tuple[Value, dict[int, Labels] | None]] = {}

    def of(self, value: Value) -> dict[int, Labels] | None:
        """Labels by axis, for the axes that can shrink; None when what is kept does not form a block."""
        if id(value) not in self._known:
            self._known[id(value)] = (value, self.of_planes(value.planes or ()))
        return self._known[id(value)][1]

    def of_planes(self, planes: Planes) -> dict[int, Labels] | None:
        """The same for planes that belong to no recorded value."""
        found: dict[int, Labels] = {}
        for plane in planes:
            parts = self._separable(plane)
            if parts is None:
                return None
            found.update({axis: stacked(units) for axis, units in parts.items() if (units != FIXED).any()})
        return found

    def live(self, value: Value) -> bool:
        """Whether anything of a value can be removed."""
        return self.of(value) != {}

    def labels(self, vector: Tensor) -> Labels:
        """Labels of a vector of the sheet."""
        return self._parts.labels(vector)

    def _separable(self, plane: Tensor) -> dict[int, Array] | None:
        """Units along every axis a plane varies along, if the units of an element are just those of its places."""
        axes = sorted(support(plane))
        units = self._parts.units(plane)
        if len(axes) < 2:
            return dict.fromkeys(axes, units)
        cells = units.reshape(*(plane.shape[axis] for axis in axes), -1)
        parts = {axis: _common(np.moveaxis(cells, place, 0)) for place, axis in enumerate(axes)}
        covered = np.zeros(cells.shape, dtype=bool)
        for place, part in enumerate(parts.values()):
            shape = [1] * len(axes)
            shape[place] = len(part)
            for column in part.T:
                covered |= cells == column.reshape(*shape, 1)
        return parts if bool((covered | (cells == FIXED)).all()) else None


def _common(cells: Array) -> Array:
    """Units that all cells of a row need, per row, padded with FIXED; ``cells`` has shape (rows, ..., F)."""
    flat = cells.reshape(len(cells), -1, cells.shape[-1])
    found: Array = flat[:, 0].copy()
    for factor in range(flat.shape[-1]):
        everywhere = (flat == found[:, factor, None, None]).any(2).all(1)
        found[~everywhere, factor] = FIXED
    return found


def restricted(planes: Planes, needed: Sequence[Tensor]) -> Planes:
    """Planes on some indices of every axis; ``needed`` holds a boolean vector per axis."""
    return tuple(
        reduce(lambda p, axis: p.index_select(axis, needed[axis].nonzero().flatten()), sorted(support(plane)), plane)
        for plane in planes
    )


def positions(axis: int, shape: Sequence[int]) -> Tensor:
    """A plane that counts the indices of one axis."""
    return torch.arange(shape[axis]).reshape([-1 if i == axis else 1 for i in range(len(shape))])


def moved(plane: Tensor, shape: Sequence[int], move: Callable[[Tensor], Tensor]) -> Tensor:
    """A plane after an op that moves data."""
    return move(plane.expand(tuple(shape)).contiguous())
