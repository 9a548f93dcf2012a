"""Ops that move data between two tensors that hold blocks, when the tensors between them do not.

A packed projection viewed as (3, heads, dimensions) is no block once queries and values have kept different
dimensions, nor is a shuffle half way. The way from one block to the next is written anew: first the wanted indices are
picked, then the same ops run on what is left, or the picking is all there is to do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from cpruner.space.label import Planes, compact, support
from cpruner.space.program.layout import moved, positions
from cpruner.space.run import Entry, Frame, Value

#: Ops that move data into memory of their own; the others give another view of the same memory.
COPIES = ("clone", "contiguous", "_to_copy", "flip", "roll", "channel_shuffle", "native_channel_shuffle", "dropout")


@dataclass(frozen=True)
class Step:
    """One op of a chain: the value it reads, the entry, the value it makes and its place among the results."""

    source: Value
    entry: Entry
    result: Value
    place: int | None

    def apply(self, tensor: Tensor) -> Tensor:
        """Run the op on another tensor of the same shape."""
        outcome = self.entry.function(tensor, *self.entry.args[1:], **self.entry.kwargs)
        return outcome if self.place is None else outcome[self.place]  # type: ignore[no-any-return]


def written(entry: Entry | Frame) -> list[Value]:
    """Tensors that an op, or anything inside a module, writes into."""
    if isinstance(entry, Frame):
        return [value for inner in entry.entries for value in written(inner)]
    schema = getattr(entry.function, "_schema", None)
    given = zip(schema.arguments, entry.args, strict=False) if schema is not None else ()
    return [v for argument, v in given if argument.is_write and isinstance(v, Value)]


def step_to(value: Value) -> Step | None:
    """The op that moved data into a value, if one did and it read only one tensor."""
    entry = value.maker
    if entry is None or not entry.args or not isinstance(entry.args[0], Value):
        return None
    if any(isinstance(argument, Value | list) and _holds_values(argument) for argument in entry.args[1:]):
        return None
    results = entry.out if isinstance(entry.out, list | tuple) else None
    place = None if results is None else next(i for i, result in enumerate(results) if result is value)
    return Step(entry.args[0], entry, value, place)


def _holds_values(argument: Any) -> bool:
    parts = argument if isinstance(argument, list) else [argument]
    return any(isinstance(part, Value) for part in parts)


@dataclass(frozen=True)
class Track:
    """Where the indices of the live axes of a chain's start are in each of its values.

    Args:
        planes: Per axis of the start, its positions in the start and after every step.
        wanted: Per axis of the start, the positions that reach the end.
    """

    planes: dict[int, list[Tensor]]
    wanted: dict[int, Tensor]

    def needed(self, value: Value, number: int) -> list[Tensor] | None:
        """Indices of every axis that lead to the end; None where they do not form a block."""
        found = [torch.ones(size, dtype=torch.bool) for size in value.shape]
        for axis, planes in self.planes.items():
            mask = torch.isin(planes[number], self.wanted[axis])
            block = torch.ones_like(mask)
            for place in support(planes[number]):
                others = [i for i in range(mask.ndim) if i != place]
                along = mask.any(dim=tuple(others)) if others else mask
                found[place] &= along
                block &= along.reshape([-1 if i == place else 1 for i in range(mask.ndim)])
            if not torch.equal(block, mask):
                return None
        return found


def track(steps: Sequence[Step], axes: Sequence[int]) -> Track:
    """Follow the positions of some axes of the first value through all steps."""
    planes: dict[int, list[Tensor]] = {}
    for axis in axes:
        plane = positions(axis, steps[0].source.shape)
        planes[axis] = [plane]
        for step in steps:
            plane = compact(moved(plane, step.source.shape, step.apply))
            planes[axis].append(plane)
    return Track(planes, {axis: found[-1].unique() for axis, found in planes.items()})


def net_pick(steps: Sequence[Step], axis: int) -> Tensor | None:
    """Positions of ``axis`` if the whole chain is a selection along it, else None."""
    shape = steps[0].source.shape
    if len(steps[-1].result.shape) != len(shape):
        return None
    before = torch.arange(torch.Size(shape).numel()).reshape(shape)
    after, plane = before, positions(axis, shape)
    for step in steps:
        after, plane = step.apply(after), compact(moved(plane, step.source.shape, step.apply))
    if support(plane) - {axis} or plane.shape[axis] != steps[-1].result.shape[axis]:
        return None
    picked = before.index_select(axis, plane.flatten())
    return plane.flatten() if picked.shape == after.shape and torch.equal(picked, after) else None


def loses(step: Step, planes: Planes, live: Callable[[Tensor], bool]) -> bool:
    """Whether a step leaves out indices along an axis that can shrink."""
    if torch.Size(step.source.shape).numel() == torch.Size(step.result.shape).numel():
        return False
    for plane in planes:
        if live(plane):
            cells = torch.arange(plane.numel()).reshape(plane.shape)
            if moved(cells, step.source.shape, step.apply).unique().numel() < cells.numel():
                return True
    return False
