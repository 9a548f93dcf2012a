"""Convolutions of any number of dimensions: plain, transposed, grouped, depthwise."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from cpruner.space.label import FIXED, along, support
from cpruner.space.rule.contraction import factor
from cpruner.space.run import Call, Cost, Rule, Tracer, freeze_operands

_READS = "reads a tensor of fixed size"


def convolution(tracer: Tracer, call: Call) -> None:
    """aten.convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups)."""
    source, weight, bias = call.args[:3]
    transposed, groups = bool(call.args[6]), int(call.args[8])
    kept = _examples(tracer, source, weight)
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


def deformed(tracer: Tracer, call: Call) -> None:
    """Torchvision's deform_conv2d(input, weight, offset, mask, bias, .., groups, offset groups, with a mask)."""
    source, weight, *moved, bias = call.args[:5]
    if call.args[11] > 1 or call.args[12] > 1:
        freeze_operands(tracer, call, "a deformable convolution of several groups has no rule")
        return
    kept = _examples(tracer, source, weight)
    for tensor in moved:
        tracer.tie(tracer.labels(tensor, 1), None, "as many places as the window of a deformable convolution has")
    tracer.tie(tracer.labels(source, 1), tracer.labels(weight, 1), _READS)
    outputs = tracer.labels(weight, 0)
    tracer.tie(outputs, tracer.labels(bias, 0), "bias of fixed size")
    tracer.produce(weight, 0)
    tracer.assign(call.result, (*kept, *(() if outputs is None else (along(outputs, 1, 4),))))


def _examples(tracer: Tracer, source: Tensor, weight: Tensor) -> list[Tensor]:
    """Planes of a batch; window and positions stay."""
    for axis in range(2, weight.ndim):
        tracer.tie(tracer.labels(weight, axis), None, "kernel window")
    kept = []
    for plane in tracer.separate(source, {0, 1}):
        if support(plane) == {0}:
            kept.append(plane)
        elif support(plane) != {1}:
            tracer.sheet.freeze(plane, "varies along another axis than the channels of a convolution")
    return kept


def _grouped(
    tracer: Tracer, call: Call, channels: Tensor | None, outputs: Tensor | None, groups: int, transposed: bool
) -> Tensor | None:
    """Whole groups can go and, separately, the same input positions and output positions of every group."""
    weight = call.args[1]
    rows, inside = tracer.labels(weight, 0), tracer.labels(weight, 1)
    if channels is None or rows is None:
        for labels in (channels, rows, inside):
            tracer.tie(labels, None, _READS)
        return None if transposed else outputs
    whole = tracer.sheet.fresh(groups)
    positions = _positions(tracer, channels, whole)
    if transposed:
        tracer.sheet.unite(channels, rows, _READS)
        inside = torch.full(weight.shape[1:2], FIXED) if inside is None else inside
        outputs = whole if len(inside) == 1 else tracer.sheet.conjoin(_beside(whole, inside))
    else:
        _positions(tracer, rows, whole)
        tracer.tie(positions, inside, _READS)
        outputs = rows
    extra = {"out_channels": outputs} if transposed else {}
    _counts(tracer, groups=whole, in_channels=channels, **extra)
    return outputs


def _positions(tracer: Tracer, channels: Tensor, whole: Tensor) -> Tensor | None:
    """Define channels as group and position inside the group, and return the positions, if there are several."""
    size = len(channels) // len(whole)
    if size == 1:
        tracer.sheet.unite(channels, whole, _READS)
        return None
    positions = tracer.sheet.fresh(size)
    tracer.sheet.definitions.append((channels, _beside(whole, positions)))
    return positions


def _beside(whole: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
    """Group and position of every channel of an axis on which the groups lie side by side."""
    return whole.repeat_interleave(len(positions)), positions.repeat(len(whole))


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


CONVOLUTION: Mapping[str, Rule] = {"convolution": convolution, "deform_conv2d": deformed}
