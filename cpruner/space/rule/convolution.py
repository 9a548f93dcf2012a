"""Convolutions of any number of dimensions: plain, transposed, grouped, depthwise."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cpruner.space.rule.contraction import factor
from cpruner.space.sheet import along, support
from cpruner.space.tracer import Call, Cost, Rule, Tracer

_READS = "reads a tensor of fixed size"


def convolution(tracer: Tracer, call: Call) -> None:
    """aten.convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    source, weight, bias = call.args[:3]
    transposed, groups = bool(call.args[6]), int(call.args[8])
    for axis in range(2, weight.ndim):
        tracer.tie(tracer.labels(weight, axis), None, "kernel window")
    kept = []
    for plane in tracer.separate(source, {0, 1}):
        if support(plane) == {0}:
            kept.append(plane)
        elif support(plane) != {1}:
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
    own = () if outputs is None else (along(outputs, 1, call.result.ndim),)
    tracer.assign(call.result, (*kept, *own))


def _grouped(
    tracer: Tracer, call: Call, channels: Tensor | None, outputs: Tensor | None, groups: int, transposed: bool
) -> Tensor | None:
    """Groups stay equally wide: many thin ones (depthwise) go whole, few wide ones lose the same positions each."""
    source, weight = call.args[:2]
    if transposed:
        return _grouped_transposed(tracer, weight, channels, outputs, groups)
    inner = tracer.labels(weight, 1)
    if channels is None or outputs is None:
        for labels in (channels, outputs, inner):
            tracer.tie(labels, None, _READS)
        return outputs
    per_group = channels.reshape(groups, -1)
    if groups >= source.shape[1] // groups:
        leaders = per_group[:, :1]
        tracer.sheet.unite(leaders, per_group, _READS)
        tracer.sheet.unite(leaders, outputs.reshape(groups, -1), _READS)
        tracer.tie(inner, None, "inside a group that is removed whole")
        _counts(tracer, groups=leaders.flatten(), in_channels=channels)
    else:
        tracer.sheet.unite(per_group[:1], per_group, _READS)
        tracer.sheet.unite(outputs.reshape(groups, -1)[:1], outputs.reshape(groups, -1), _READS)
        tracer.tie(per_group[0], inner, _READS)
        _counts(tracer, in_channels=channels)
    return outputs


def _grouped_transposed(
    tracer: Tracer, weight: Tensor, channels: Tensor | None, inner: Tensor | None, groups: int
) -> Tensor | None:
    """The weight is (C_in, C_out / groups, ...): whole groups are removed."""
    rows = tracer.labels(weight, 0)
    if channels is None or rows is None:
        for labels in (channels, rows, inner):
            tracer.tie(labels, None, _READS)
        return None
    leaders = channels.reshape(groups, -1)[:, :1]
    tracer.sheet.unite(leaders, channels.reshape(groups, -1), _READS)
    tracer.sheet.unite(channels, rows, _READS)
    tracer.tie(inner, None, "inside a group that is removed whole")
    outputs = leaders.expand(groups, weight.shape[1]).flatten()
    _counts(tracer, groups=leaders.flatten(), in_channels=channels, out_channels=outputs)
    return outputs


def _counts(tracer: Tracer, **attributes: Tensor) -> None:
    """Attributes of the convolution module that follow the labels; a weight used by other code states its groups."""
    frame = tracer.recorder.stack[-1]
    if issubclass(frame.kind, nn.modules.conv._ConvNd):
        for name, labels in attributes.items():
            tracer.counted.append((frame.path, name, labels, "int"))
    elif "groups" in attributes:
        tracer.bake(attributes["groups"], "'convolution' states a number of groups")


def _count(tracer: Tracer, weight: Tensor, positions: Tensor) -> None:
    """2 FLOPs per multiply-add: positions of the output (input when transposed), kernel taps, kept rows and columns."""
    spatial = int(torch.tensor([*positions.shape[2:], *weight.shape[2:]]).prod())
    factors = (factor(tracer, positions, 0), factor(tracer, weight, 0), factor(tracer, weight, 1))
    tracer.costs.append(Cost(2.0 * spatial, factors))


CONVOLUTION: Mapping[str, Rule] = {"convolution": convolution}
