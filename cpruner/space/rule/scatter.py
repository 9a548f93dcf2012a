"""Ops that write into a tensor at places given by another tensor."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cpruner.space.label import Planes, compact, support
from cpruner.space.rule.lookup import freeze_along, looked_up
from cpruner.space.rule.pointwise import meet
from cpruner.space.run import Call, Rule, Tracer

_PLACES = "places to write to, as many as the code asks for"
_WRITTEN = "places that an index writes to"


def scatter(tracer: Tracer, call: Call) -> None:
    """``scatter``, ``scatter_add``, ``scatter_reduce``: one axis is written at places, the others go along."""
    target, axis, places, *rest = call.args
    operands = [target, places, *(v for v in rest if isinstance(v, Tensor) and v.ndim)]
    axis %= max(target.ndim, 1)
    for other in set(range(target.ndim)) - {axis}:
        fitting = len({tensor.shape[other] for tensor in operands}) == 1
        for tensor in operands[1:]:
            tracer.tie(tracer.labels(target, other), tracer.labels(tensor, other) if fitting else None, _WRITTEN)
    planes = [freeze_along(tracer, tensor, {axis}, _WRITTEN) for tensor in operands]
    tracer.assign(call.result, planes[0])


def along_index(tracer: Tracer, call: Call) -> None:
    """``index_add``, ``index_copy``: whole slices along one axis are written at places."""
    target, axis, places, source = call.args[:4]
    axis %= max(target.ndim, 1)
    freeze_along(tracer, places, set(range(places.ndim)), _PLACES)
    for other in set(range(target.ndim)) - {axis}:
        tracer.tie(tracer.labels(target, other), tracer.labels(source, other), _WRITTEN)
    freeze_along(tracer, source, {axis}, _WRITTEN)
    tracer.assign(call.result, freeze_along(tracer, target, {axis}, _WRITTEN))


def fill_index(tracer: Tracer, call: Call) -> None:
    """``index_fill``: one number at places along one axis."""
    target, axis, places = call.args[:3]
    freeze_along(tracer, places, set(range(places.ndim)), _PLACES)
    tracer.assign(call.result, freeze_along(tracer, target, {axis % max(target.ndim, 1)}, _WRITTEN))


def put(tracer: Tracer, call: Call) -> None:
    """``index_put``, ``x[places] = values``: the axes that are not addressed meet those of the values."""
    target, places, values = call.args[:3]
    for place in places:
        if isinstance(place, Tensor):
            freeze_along(tracer, place, set(range(place.ndim)), _PLACES)
    planes = freeze_along(tracer, target, looked_up(places), _WRITTEN)
    index = tuple(slice(None) if place is None else place.cpu() for place in places)
    shape, read = _read(target, planes, index)
    meet(tracer, len(shape), (shape, read), (tuple(values.shape), tracer.planes(values)))
    tracer.assign(call.result, planes)


def _read(tensor: Tensor, planes: Planes, index: tuple[slice | Tensor, ...]) -> tuple[tuple[int, ...], Planes]:
    """Shape and planes of ``tensor[index]``."""
    shape = tuple(torch.empty((), dtype=torch.bool).expand(tensor.shape)[index].shape)
    return shape, tuple(compact(plane.expand(tensor.shape)[index]) for plane in planes if support(plane))


SCATTER: Mapping[str, Rule] = {
    **dict.fromkeys(("scatter", "scatter_add", "scatter_reduce"), scatter),
    **dict.fromkeys(("index_add", "index_copy", "index_reduce"), along_index),
    "index_fill": fill_index,
    **dict.fromkeys(("index_put", "_index_put_impl", "_unsafe_index_put"), put),
}
