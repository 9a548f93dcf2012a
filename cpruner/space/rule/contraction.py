"""Convolutions and matrix products: the contracted axis of both operands shrinks together, the outer axes pass on."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cpruner.space.sheet import Planes, along, support
from cpruner.space.tracer import Call, Cost, Rule, Tracer

_READS = "reads a tensor of fixed size"


def convolution(tracer: Tracer, call: Call) -> None:
    """aten.convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    source, weight, bias = call.args[:3]
    transposed, groups = bool(call.args[6]), int(call.args[8])
    for axis in range(2, weight.ndim):
        tracer.tie(tracer.labels(weight, axis), None, "kernel window")
    for plane in tracer.planes(source):
        if support(plane) != {1}:
            tracer.sheet.freeze(plane, "varies along another axis than the channels of a convolution")
    inner, outer = (0, 1) if transposed else (1, 0)
    channels, outputs = tracer.labels(source, 1), tracer.labels(weight, outer)
    if groups > 1:
        outputs = _grouped(tracer, call, channels, outputs, groups, transposed)
    else:
        tracer.tie(channels, tracer.labels(weight, inner), _READS)
    if isinstance(bias, Tensor):
        tracer.tie(outputs, tracer.labels(bias, 0), "bias of fixed size")
    tracer.produce(weight, outer)
    _count(tracer, weight, source if transposed else call.result)
    tracer.assign(call.result, _outer(outputs, call.result.ndim))


def _outer(labels: Tensor | None, ndim: int) -> Planes:
    return () if labels is None else (along(labels, 1, ndim),)


def _grouped(
    tracer: Tracer, call: Call, channels: Tensor | None, outputs: Tensor | None, groups: int, transposed: bool
) -> Tensor | None:
    """Groups stay equally wide: many thin ones (depthwise) go whole, few wide ones lose the same positions each."""
    source, weight = call.args[:2]
    inner = tracer.labels(weight, 0 if transposed else 1)
    if transposed or channels is None or outputs is None:
        for labels in (channels, outputs, inner):
            tracer.tie(labels, None, "grouped transposed convolution" if transposed else _READS)
        return None if transposed else outputs
    per_group = channels.reshape(groups, -1)
    if groups >= source.shape[1] // groups:
        leaders = per_group[:, :1]
        tracer.sheet.unite(leaders, per_group, _READS)
        tracer.sheet.unite(leaders, outputs.reshape(groups, -1), _READS)
        tracer.tie(inner, None, "inside a group that is removed whole")
        name = tracer.name_of(weight)
        if name is None:
            tracer.sheet.freeze(channels, "grouped convolution whose weight is not a module's own")
        else:
            tracer.group_sizes.append((name, "groups", leaders.flatten()))
            tracer.group_sizes.append((name, "in_channels", channels))
    else:
        tracer.sheet.unite(per_group[:1], per_group, _READS)
        tracer.sheet.unite(outputs.reshape(groups, -1)[:1], outputs.reshape(groups, -1), _READS)
        tracer.tie(per_group[0], inner, _READS)
        name = tracer.name_of(weight)
        if name is not None:
            tracer.group_sizes.append((name, "in_channels", channels))
    return outputs


def _count(tracer: Tracer, weight: Tensor, positions: Tensor) -> None:
    """2 FLOPs per multiply-add: positions of the output (input when transposed), kernel taps, kept rows and columns."""
    spatial = int(torch.tensor([positions.shape[0], *positions.shape[2:], *weight.shape[2:]]).prod())
    tracer.costs.append(Cost(2.0 * spatial, tuple(_factor(tracer, weight, axis) for axis in (0, 1))))


def _factor(tracer: Tracer, tensor: Tensor, axis: int) -> Tensor | int:
    labels = tracer.labels(tensor, axis)
    return tensor.shape[axis] if labels is None else labels


def product(tracer: Tracer, call: Call) -> None:
    """``mm`` and ``addmm``: (M, K) x (K, N)."""
    bias, left, right = call.args[:3] if call.name == "addmm" else (None, *call.args[:2])
    tracer.tie(tracer.labels(left, 1), tracer.labels(right, 0), _READS)
    columns = tracer.labels(right, 1)
    if isinstance(bias, Tensor):
        tracer.tie(columns, tracer.labels(bias, -1), "bias of fixed size")
        if bias.ndim == 2:
            tracer.tie(tracer.labels(left, 0), tracer.labels(bias, 0), "bias of fixed size")
    factors = (_factor(tracer, left, 0), _factor(tracer, left, 1), _factor(tracer, right, 1))
    tracer.costs.append(Cost(2.0, factors))
    _name_producer(tracer, columns)
    rows = tracer.labels(left, 0)
    planes = [along(labels, axis, 2) for axis, labels in enumerate((rows, columns)) if labels is not None]
    tracer.assign(call.result, tuple(planes))


def _name_producer(tracer: Tracer, columns: Tensor | None) -> None:
    """The weight reached this op as a transposed view: find the parameter axis by its labels."""
    if columns is None:
        return
    for (name, axis), labels in reversed(tracer.axes.items()):
        if labels.shape == columns.shape and torch.equal(labels, columns):
            tracer.producers.append((name, axis))
            return


def linear(tracer: Tracer, call: Call) -> None:
    """``linear``, where the backend keeps it whole: the last axis is contracted with axis 1 of the weight."""
    source, weight = call.args[:2]
    bias = call.args[2] if len(call.args) > 2 else None
    tracer.tie(tracer.labels(source, -1), tracer.labels(weight, 1), _READS)
    outputs = tracer.labels(weight, 0)
    if isinstance(bias, Tensor):
        tracer.tie(outputs, tracer.labels(bias, 0), "bias of fixed size")
    tracer.produce(weight, 0)
    rows = source.numel() // source.shape[-1]
    tracer.costs.append(Cost(2.0 * rows, (_factor(tracer, weight, 0), _factor(tracer, weight, 1))))
    others = tuple(plane for plane in tracer.planes(source) if plane.shape[-1] == 1)
    own = () if outputs is None else (along(outputs, call.result.ndim - 1, call.result.ndim),)
    tracer.assign(call.result, (*others, *own))


CONTRACTION: Mapping[str, Rule] = {"convolution": convolution, "mm": product, "addmm": product, "linear": linear}
