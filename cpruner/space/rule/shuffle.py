"""Ops that trade channels for positions or for each other: pixel shuffle, gated linear units."""

import math
from collections.abc import Mapping

from torch import Tensor

from cpruner.space.label import along, support
from cpruner.space.run import Call, Rule, Tracer

_TOGETHER = "traded for positions together with a fixed channel"


def pixel_shuffle(tracer: Tracer, call: Call) -> None:
    """(.., C r^2, H, W) -> (.., C, H r, W r): the r^2 channels of one output channel go together."""
    source, square = call.args[0], int(call.args[1]) ** 2
    axis = source.ndim - 3
    others = [plane for plane in tracer.separate(source, {axis}) if axis not in support(plane)]
    labels = tracer.labels(source, axis)
    if labels is None:
        tracer.assign(call.result, tuple(others))
        return
    blocks = labels.reshape(-1, square)
    tracer.sheet.unite(blocks[:, :1], blocks, _TOGETHER)
    tracer.assign(call.result, (*others, along(blocks[:, 0], axis, source.ndim)))


def pixel_unshuffle(tracer: Tracer, call: Call) -> None:
    """(.., C, H r, W r) -> (.., C r^2, H, W)."""
    source, square = call.args[0], int(call.args[1]) ** 2
    axis = source.ndim - 3
    others = [plane for plane in tracer.separate(source, {axis}) if axis not in support(plane)]
    labels = tracer.labels(source, axis)
    own = () if labels is None else (along(labels.repeat_interleave(square), axis, source.ndim),)
    tracer.assign(call.result, (*others, *own))


def glu(tracer: Tracer, call: Call) -> None:
    """A * sigmoid(b) of the two halves of an axis, which lose the same indices."""
    source: Tensor = call.args[0]
    axis = call.argument(1, "dim", -1) % source.ndim
    others = [plane for plane in tracer.separate(source, {axis}) if axis not in support(plane)]
    labels = tracer.labels(source, axis)
    if labels is None:
        tracer.assign(call.result, tuple(others))
        return
    left, right = labels.chunk(2)
    both = tracer.sheet.unite(left, right, "gated by a tensor of fixed size")
    tracer.assign(call.result, (*others, along(both, axis, source.ndim)))


def unfold(tracer: Tracer, call: Call) -> None:
    """``im2col``: (N, C, H, W) -> (N, C k, L), the k entries of a window after one another."""
    source, window = call.args[0], math.prod(call.args[1])
    others, labels = _channels(tracer, source)
    own = () if labels is None else (along(labels.repeat_interleave(window), source.ndim - 3, source.ndim - 1),)
    tracer.assign(call.result, (*(plane[..., 0] for plane in others), *own))


def fold(tracer: Tracer, call: Call) -> None:
    """``col2im``: (N, C k, L) -> (N, C, H, W)."""
    source, window = call.args[0], math.prod(call.args[2])
    axis = source.ndim - 2
    for plane in tracer.separate(source, {axis, axis + 1}):
        if axis + 1 in support(plane):
            tracer.sheet.freeze(plane, "positions that are added up")
    others = [plane[..., None] for plane in tracer.planes(source) if not support(plane) & {axis, axis + 1}]
    labels = tracer.labels(source, axis)
    if labels is not None:
        blocks = labels.reshape(-1, window)
        tracer.sheet.unite(blocks[:, :1], blocks, _TOGETHER)
        others.append(along(blocks[:, 0], axis, source.ndim + 1))
    tracer.assign(call.result, tuple(others))


def _channels(tracer: Tracer, image: Tensor) -> tuple[list[Tensor], Tensor | None]:
    """Planes of a batch of images apart from those of their channels, and these; positions are frozen."""
    axis = image.ndim - 3
    for plane in tracer.separate(image, {axis, axis + 1, axis + 2}):
        if support(plane) & {axis + 1, axis + 2}:
            tracer.sheet.freeze(plane, "positions that are put next to each other")
    planes = [plane for plane in tracer.planes(image) if not support(plane) & {axis, axis + 1, axis + 2}]
    return planes, tracer.labels(image, axis)


SHUFFLE: Mapping[str, Rule] = {
    "pixel_shuffle": pixel_shuffle,
    "pixel_unshuffle": pixel_unshuffle,
    "glu": glu,
    "im2col": unfold,
    "col2im": fold,
}
