"""Convolutions and matrix products: the contracted axis of both operands shrinks together, the outer axes pass on."""

from collections.abc import Mapping

import torch
from torch import Tensor

from cpruner.space.label import Planes, along, support
from cpruner.space.run import Call, Cost, Rule, Tracer

_READS = "reads a tensor of fixed size"


def factor(tracer: Tracer, tensor: Tensor, axis: int) -> Tensor | int:
    """Labels along an axis for the count of work, or its length when it is fixed."""
    labels = tracer.labels(tensor, axis)
    return tensor.shape[axis] if labels is None else labels


def _assemble(parts: Mapping[int, Tensor | None], ndim: int) -> Planes:
    return tuple(along(labels, axis, ndim) for axis, labels in parts.items() if labels is not None)


def _but(tracer: Tracer, tensor: Tensor, axis: int) -> Planes:
    """Planes that vary along other axes than one."""
    axis %= tensor.ndim
    return tuple(plane for plane in tracer.separate(tensor, {axis}) if axis not in support(plane))


def product(tracer: Tracer, call: Call) -> None:
    """``mm`` and ``addmm``: (M, K) x (K, N)."""
    bias, left, right = call.args[:3] if call.name == "addmm" else (None, *call.args[:2])
    tracer.tie(tracer.labels(left, 1), tracer.labels(right, 0), _READS)
    rows, columns = tracer.labels(left, 0), tracer.labels(right, 1)
    _add_bias(tracer, bias, {0: rows, 1: columns}, 2)
    factors = (factor(tracer, left, 0), factor(tracer, left, 1), factor(tracer, right, 1))
    tracer.costs.append(Cost(2.0, factors))
    _name_producer(tracer, columns)
    tracer.assign(call.result, _assemble({0: rows, 1: columns}, 2))


def batched(tracer: Tracer, call: Call) -> None:
    """``bmm`` and ``baddbmm``: (B, M, K) x (B, K, N)."""
    bias, left, right = call.args[:3] if call.name == "baddbmm" else (None, *call.args[:2])
    tracer.tie(tracer.labels(left, 2), tracer.labels(right, 1), _READS)
    tracer.tie(tracer.labels(left, 0), tracer.labels(right, 0), "multiplied with as many matrices of fixed number")
    parts = {0: tracer.labels(left, 0), 1: tracer.labels(left, 1), 2: tracer.labels(right, 2)}
    _add_bias(tracer, bias, parts, 3)
    factors = (factor(tracer, left, 0), factor(tracer, left, 1), factor(tracer, left, 2), factor(tracer, right, 2))
    tracer.costs.append(Cost(2.0, factors))
    tracer.assign(call.result, _assemble(parts, 3))


def _add_bias(tracer: Tracer, bias: Tensor | None, parts: Mapping[int, Tensor | None], ndim: int) -> None:
    """Tie what is added to a result of ``ndim`` axes, where it does not broadcast."""
    for axis, labels in parts.items():
        if bias is not None and axis >= ndim - bias.ndim and bias.shape[axis - ndim] > 1:
            tracer.tie(labels, tracer.labels(bias, axis - ndim), "bias of fixed size")


def vector(tracer: Tracer, call: Call) -> None:
    """``mv``, ``addmv``, ``dot`` and ``vdot``: the last axis of both is contracted."""
    bias, left, right = call.args[:3] if call.name == "addmv" else (None, *call.args[:2])
    tracer.tie(tracer.labels(left, -1), tracer.labels(right, 0), _READS)
    others = _but(tracer, left, -1)
    if left.ndim == 2:
        _add_bias(tracer, bias, {0: tracer.labels(left, 0)}, 1)
    tracer.assign(call.result, tuple(p.reshape(p.shape[:-1]) for p in others))


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
    bias = call.argument(2, "bias")
    tracer.tie(tracer.labels(source, -1), tracer.labels(weight, 1), _READS)
    outputs = tracer.labels(weight, 0)
    if isinstance(bias, Tensor):
        tracer.tie(outputs, tracer.labels(bias, 0), "bias of fixed size")
    tracer.produce(weight, 0)
    others = _but(tracer, source, -1)
    rows = [factor(tracer, source, axis) for axis in range(source.ndim - 1)]
    tracer.costs.append(Cost(2.0, (*rows, factor(tracer, weight, 0), factor(tracer, weight, 1))))
    own = () if outputs is None else (along(outputs, call.result.ndim - 1, call.result.ndim),)
    tracer.assign(call.result, (*others, *own))


CONTRACTION: Mapping[str, Rule] = {
    **dict.fromkeys(("mm", "addmm"), product),
    **dict.fromkeys(("bmm", "baddbmm"), batched),
    **dict.fromkeys(("mv", "addmv", "dot", "vdot"), vector),
    "linear": linear,
}
