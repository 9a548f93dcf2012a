"""Small networks whose groups are known by hand: for tests of cpruner and of your own rules for new ops.

One network per way in which channels are tied. Every network runs in a millisecond; ``NETS`` holds them all.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cpruner.testing.blocks import Add, Gate, Join, Scaled, Shuffle, Thin, ThinBlock, Twice, TwoInputs


@final
@dataclass(frozen=True)
class Net:
    """A network, inputs it runs on, and what tracing it has to find.

    Args:
        name: What it shows.
        factory: Makes the module.
        shapes: Shape of every positional input.
        groups: Name and size of every group, in network order.
        frozen: Words of a reason that must be among the frozen axes, by ``tensor[axis]``.
    """

    name: str
    factory: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    groups: tuple[tuple[str, int], ...]
    frozen: tuple[tuple[str, str], ...] = ()

    def build(self, seed: int = 0) -> nn.Module:
        """The network in float64 and eval mode, with random batch-norm statistics."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = self.factory().double().eval()
        generator = torch.Generator().manual_seed(seed)
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                randomise(module, generator)
        return network

    def inputs(self, seed: int = 0) -> tuple[Tensor, ...]:
        """Random float64 inputs."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.randn(shape, generator=generator, dtype=torch.float64) for shape in self.shapes)


def randomise(norm: _BatchNorm, generator: torch.Generator) -> None:
    """Draw statistics and affine parameters, so that no channel is like another."""
    with torch.no_grad():
        for tensor in (norm.running_mean, norm.weight, norm.bias):
            if tensor is not None:
                tensor.normal_(generator=generator)
        if norm.running_var is not None:
            norm.running_var.uniform_(0.5, 2.0, generator=generator)


def _conv(inputs: int, outputs: int, *, groups: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, bias=False)


def _chain(**modules: nn.Module) -> nn.Module:
    return nn.Sequential(OrderedDict(modules))


def _classifier(channels: int, **modules: nn.Module) -> nn.Module:
    """Modules that end in ``channels`` channels, then mean, flatten, linear."""
    head = {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "head": nn.Linear(channels, 5)}
    return nn.Sequential(OrderedDict({**modules, **head}))


def _flat() -> nn.Module:
    conv, bn = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
    return _chain(conv=conv, bn=bn, relu=nn.ReLU(), flat=nn.Flatten(), head=nn.Linear(6 * 36, 5))


def _residual() -> nn.Module:
    inner = _chain(a=_conv(8, 6), bn=nn.BatchNorm2d(6), relu=nn.ReLU(inplace=True), b=_conv(6, 8))
    return _classifier(8, stem=_conv(3, 8), sum=Add(skip=nn.Identity(), inner=inner), bn=nn.BatchNorm2d(8))


def _dense() -> nn.Module:
    first, second = Join(_conv(6, 4)), Join(_conv(10, 4))
    return _classifier(14, stem=_conv(3, 6), first=first, second=second, bn=nn.BatchNorm2d(14))


def _grouped() -> nn.Module:
    """Two groups of four lose the same positions in both; four groups of two go whole."""
    wide, thin = _conv(8, 8, groups=2), _conv(8, 8, groups=4)
    return _classifier(8, stem=_conv(3, 8), wide=wide, between=_conv(8, 8), thin=thin)


def _separable() -> nn.Module:
    """Depthwise with one and with two outputs per channel."""
    deep, point, twin = _conv(6, 6, groups=6), nn.Conv2d(6, 4, 1), _conv(4, 8, groups=4)
    return _classifier(8, stem=_conv(3, 6), deep=deep, bn=nn.BatchNorm2d(6), point=point, twin=twin)


def _excitation() -> nn.Module:
    return _classifier(8, stem=_conv(3, 8), bn=nn.BatchNorm2d(8), act=nn.SiLU(), gate=Gate(8, 3))


def _option_a() -> nn.Module:
    block = Add(conv=nn.Conv2d(4, 8, 3, stride=2, padding=1), thin=Thin(2))
    return _classifier(8, stem=_conv(3, 4), block=block)


def _transposed() -> nn.Module:
    return _classifier(4, stem=_conv(3, 6), up=nn.ConvTranspose2d(6, 4, 2, stride=2), bn=nn.BatchNorm2d(4))


def _mlp() -> nn.Module:
    return _chain(a=nn.Linear(7, 12), act=nn.GELU(), b=nn.Linear(12, 9), gate=nn.Hardswish(), head=nn.Linear(9, 3))


def _line() -> nn.Module:
    conv, bn = nn.Conv1d(2, 6, 3), nn.BatchNorm1d(6)
    return _chain(conv=conv, bn=bn, pool=nn.MaxPool1d(2), flat=nn.Flatten(), head=nn.Linear(24, 2))


def _volume() -> nn.Module:
    conv, bn = nn.Conv3d(1, 5, 3), nn.BatchNorm3d(5)
    return _chain(conv=conv, bn=bn, pool=nn.AdaptiveAvgPool3d(1), flat=nn.Flatten(), head=nn.Linear(5, 2))


def _shuffled() -> nn.Module:
    return _classifier(8, stem=_conv(3, 8), shuffle=Shuffle(), deep=_conv(8, 8, groups=8), point=_conv(8, 8))


_IMAGE = ((2, 3, 8, 8),)
_HEAD = (("head.weight[0]", "output of the network"),)
_STEM = (*_HEAD, ("stem.weight[1]", "fixed size"))
_INSIDE = "in the forward of 'block'"

NETS: tuple[Net, ...] = (
    Net("flatten", _flat, _IMAGE, (("conv", 6),), (*_HEAD, ("conv.weight[1]", "fixed size"))),
    Net("residual", _residual, _IMAGE, (("stem", 8), ("sum.branches.inner.a", 6)), _STEM),
    Net("dense block", _dense, _IMAGE, (("stem", 6), ("first.branch", 4), ("second.branch", 4)), _STEM),
    Net("grouped", _grouped, _IMAGE, (("stem", 4), ("wide", 4), ("between", 4)), _STEM),
    Net("depthwise", _separable, _IMAGE, (("stem", 6), ("point", 4)), _STEM),
    Net("squeeze and excitation", _excitation, _IMAGE, (("stem", 8), ("gate.down", 3)), _STEM),
    Net("option A in a module", _option_a, _IMAGE, (("stem", 4), ("block.branches.conv", 4)), _STEM),
    Net(
        "option A in a block",
        lambda: _classifier(8, stem=_conv(3, 4), block=ThinBlock()),
        _IMAGE,
        (),
        (*_HEAD, ("stem.weight[0]", _INSIDE), ("block.conv.weight[0]", _INSIDE)),
    ),
    Net("two inputs", TwoInputs, ((2, 3, 8, 8), (2, 1, 8, 8)), (("left", 6),), _HEAD),
    Net("shared module", Twice, _IMAGE, (("stem", 6),), _STEM),
    Net("transposed", _transposed, _IMAGE, (("stem", 6), ("up", 4)), _STEM),
    Net("parameters", Scaled, _IMAGE, (("conv", 6),), (("matrix[1]", "output of the network"),)),
    Net("rows", _mlp, ((3, 7),), (("a", 12), ("b", 9)), _HEAD),
    Net("tokens", _mlp, ((2, 9, 7),), (("a", 12), ("b", 9)), _HEAD),
    Net("line", _line, ((2, 2, 10),), (("conv", 6),), _HEAD),
    Net("volume", _volume, ((1, 1, 5, 5, 5),), (("conv", 5),), _HEAD),
    Net("channel shuffle", _shuffled, _IMAGE, (("stem", 8), ("point", 8)), _STEM),
)
