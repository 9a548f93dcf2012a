"""Ops that read a tensor at places given by another tensor."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from cpruner.space.label import along, support
from cpruner.space.rule.movement import move
from cpruner.space.run import Call, Rule, Tracer

_TABLE = "places of a table that an index looks up"
_PLACES = "places to look up, as many as the code asks for"


def index(tracer: Tracer, call: Call) -> None:
    """``index``: the axes that are looked up keep all their places, the others pass on."""
    source, places = call.args[:2]
    for place in places:
        if isinstance(place, Tensor):
            freeze_along(tracer, place, set(range(place.ndim)), _PLACES)
    tracer.recorder.value(source).planes = freeze_along(tracer, source, looked_up(places), _TABLE)
    move(tracer, call)


def looked_up(places: Sequence[Tensor | None]) -> set[int]:
    """Axes of the table that the indices address; a mask addresses as many as it has."""
    found: set[int] = set()
    axis = 0
    for place in places:
        width = place.ndim if place is not None and place.dtype in (torch.bool, torch.uint8) else 1
        found |= set(range(axis, axis + width)) if place is not None else set()
        axis += width
    return found


def freeze_along(tracer: Tracer, tensor: Tensor, axes: set[int], reason: str) -> tuple[Tensor, ...]:
    """Freeze the planes along some axes and return the others."""
    planes = tracer.separate(tensor, axes)
    for plane in planes:
        if support(plane) & axes:
            tracer.sheet.freeze(plane, reason)
    return tuple(plane for plane in planes if not support(plane) & axes)


def embedding(tracer: Tracer, call: Call) -> None:
    """``embedding``: rows are chosen by the input, columns are channels."""
    weight, indices = call.args[:2]
    _table(tracer, weight, call.result, indices.ndim)


def embedding_bag(tracer: Tracer, call: Call) -> None:
    """``_embedding_bag``: one sum, mean or maximum of rows per bag."""
    _table(tracer, call.args[0], call.result[0], 1)


def _table(tracer: Tracer, weight: Tensor, result: Tensor, axis: int) -> None:
    tracer.tie(tracer.labels(weight, 0), None, "rows of a table that the input chooses from")
    columns, frame = tracer.labels(weight, 1), tracer.recorder.stack[-1]
    tracer.produce(weight, 1)
    if columns is not None and issubclass(frame.kind, (nn.Embedding, nn.EmbeddingBag)):
        tracer.counted.append((frame.path, "embedding_dim", columns, "int"))
    tracer.assign(result, () if columns is None else (along(columns, axis, result.ndim),))


def gather(tracer: Tracer, call: Call) -> None:
    """``gather``: along one axis the index chooses; along the others it has one entry for each of the table's."""
    source, axis, places = call.args[:3]
    axis %= max(source.ndim, 1)
    tracer.separate(places, set(range(places.ndim)))
    freeze_along(tracer, places, {axis}, _PLACES)
    planes = freeze_along(tracer, source, {axis}, _TABLE)
    for other in set(range(source.ndim)) - {axis}:
        same = source.shape[other] == places.shape[other]
        tracer.tie(tracer.labels(source, other), tracer.labels(places, other) if same else None, _PLACES)
    tracer.assign(call.result, tuple(plane for plane in planes if _fits(plane, call.result)))


def _fits(plane: Tensor, result: Tensor) -> bool:
    return all(plane.shape[axis] == result.shape[axis] for axis in support(plane))


def sample(tracer: Tracer, call: Call) -> None:
    """``grid_sampler``: images (N, C, ..) are read at points (N, .., 2 or 3)."""
    source, grid = call.args[:2]
    positions = set(range(2, source.ndim))
    freeze_along(tracer, grid, set(range(1, grid.ndim)), _PLACES)
    planes = freeze_along(tracer, source, positions, "positions that are interpolated")
    tracer.tie(tracer.labels(source, 0), tracer.labels(grid, 0), "sampled at points of fixed number")
    tracer.assign(call.result, planes)


def unpool(tracer: Tracer, call: Call) -> None:
    """``max_unpool``: every number returns to the position in its channel that it came from."""
    source, places = call.args[:2]
    channels = source.ndim - (3 if call.name.endswith("2d") else 4)
    positions = set(range(channels + 1, source.ndim))
    freeze_along(tracer, places, positions, _PLACES)
    planes = freeze_along(tracer, source, positions, "positions that are moved")
    for axis in range(channels + 1):
        tracer.tie(tracer.labels(source, axis), tracer.labels(places, axis), _PLACES)
    tracer.assign(call.result, planes)


LOOKUP: Mapping[str, Rule] = {
    "index": index,
    "embedding": embedding,
    **dict.fromkeys(("_embedding_bag", "_embedding_bag_forward_only"), embedding_bag),
    "gather": gather,
    **dict.fromkeys(("grid_sampler_2d", "grid_sampler_3d", "cudnn_grid_sampler"), sample),
    **dict.fromkeys(("max_unpool2d", "max_unpool3d"), unpool),
}
