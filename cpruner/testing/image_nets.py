"""Small networks of images, lines and volumes whose groups are known by hand: one per way to tie channels."""

from torch import nn

from cpruner.testing.blocks import Add, Gate, Join, Scaled, Shuffle, Standardised, Thin, ThinBlock, Twice, TwoInputs
from cpruner.testing.mixing_blocks import ShuffleUnit
from cpruner.testing.net import Net, chain


def _conv(inputs: int, outputs: int, *, groups: int = 1) -> nn.Module:
    return nn.Conv2d(inputs, outputs, 3, padding=1, groups=groups, bias=False)


def _classifier(channels: int, **modules: nn.Module) -> nn.Module:
    """Modules that end in ``channels`` channels, then mean, flatten, linear."""
    head: dict[str, nn.Module] = {"pool": nn.AdaptiveAvgPool2d(1), "flat": nn.Flatten(), "head": nn.Linear(channels, 5)}
    return chain(**modules, **head)


def _flat() -> nn.Module:
    conv, bn = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6)
    return chain(conv=conv, bn=bn, relu=nn.ReLU(), flat=nn.Flatten(), head=nn.Linear(6 * 36, 5))


def _residual() -> nn.Module:
    inner = chain(a=_conv(8, 6), bn=nn.BatchNorm2d(6), relu=nn.ReLU(inplace=True), b=_conv(6, 8))
    return _classifier(8, stem=_conv(3, 8), sum=Add(skip=nn.Identity(), inner=inner), bn=nn.BatchNorm2d(8))


def _dense() -> nn.Module:
    first, second = Join(_conv(6, 4)), Join(_conv(10, 4))
    return _classifier(14, stem=_conv(3, 6), first=first, second=second, bn=nn.BatchNorm2d(14))


def _grouped() -> nn.Module:
    """Two groups of four and four groups of two: each loses whole groups and positions inside them."""
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


def _line() -> nn.Module:
    conv, bn = nn.Conv1d(2, 6, 3), nn.BatchNorm1d(6)
    return chain(conv=conv, bn=bn, pool=nn.MaxPool1d(2), flat=nn.Flatten(), head=nn.Linear(24, 2))


def _volume() -> nn.Module:
    conv, bn = nn.Conv3d(1, 5, 3), nn.BatchNorm3d(5)
    return chain(conv=conv, bn=bn, pool=nn.AdaptiveAvgPool3d(1), flat=nn.Flatten(), head=nn.Linear(5, 2))


def _normalised() -> nn.Module:
    """Two groups of four lose the same positions in both, four groups of two go whole, one group of eight is free."""
    norms = {"wide": nn.GroupNorm(2, 8), "thin": nn.GroupNorm(4, 8), "all": nn.GroupNorm(1, 8)}
    layers = {f"conv_{name}": _conv(8 if number else 3, 8) for number, name in enumerate(norms)}
    both = {
        key: module for name in norms for key, module in ((f"conv_{name}", layers[f"conv_{name}"]), (name, norms[name]))
    }
    return _classifier(8, **both)


def _whole_groups() -> nn.Module:
    """Two channels in, three out per group."""
    return _classifier(12, stem=_conv(3, 8), up=nn.ConvTranspose2d(8, 12, 2, groups=4), bn=nn.BatchNorm2d(12))


def _pixels() -> nn.Module:
    """Four channels become one of twice the size, and back."""
    return _classifier(12, stem=_conv(3, 12), up=nn.PixelShuffle(2), act=nn.SiLU(), down=nn.PixelUnshuffle(2))


def _gated() -> nn.Module:
    return _classifier(5, stem=_conv(3, 12), gate=nn.GLU(1), conv=_conv(6, 5))


def _unit() -> nn.Module:
    return _classifier(6, stem=_conv(3, 8), unit=ShuffleUnit(8), conv=_conv(8, 6))


def _shuffled() -> nn.Module:
    return _classifier(8, stem=_conv(3, 8), shuffle=Shuffle(), deep=_conv(8, 8, groups=8), point=_conv(8, 8))


def _standardised() -> nn.Module:
    """A single number has no spread, so two inputs of the 1 x 1 window stay."""
    return _classifier(5, stem=_conv(3, 8), wide=Standardised(8, 6, 3), act=nn.Sigmoid(), point=Standardised(6, 5, 1))


_IMAGE = ((2, 3, 8, 8),)
_HEAD = (("head.weight[0]", "output of the network"),)
_STEM = (*_HEAD, ("stem.weight[1]", "fixed size"))

IMAGE_NETS: tuple[Net, ...] = (
    Net("flatten", _flat, _IMAGE, (("conv", 6),), (*_HEAD, ("conv.weight[1]", "fixed size"))),
    Net("residual", _residual, _IMAGE, (("stem", 8), ("sum.branches.inner.a", 6)), _STEM),
    Net("dense block", _dense, _IMAGE, (("stem", 6), ("first.branch", 4), ("second.branch", 4)), _STEM),
    Net(
        "grouped",
        _grouped,
        _IMAGE,
        (("stem#1", 4), ("stem#2", 2), ("wide", 4), ("between#1", 2), ("between#2", 4), ("thin", 2)),
        _STEM,
    ),
    Net("depthwise", _separable, _IMAGE, (("stem", 6), ("point", 4), ("twin", 2)), _STEM),
    Net("squeeze and excitation", _excitation, _IMAGE, (("stem", 8), ("gate.down", 3)), _STEM),
    Net("option A in a module", _option_a, _IMAGE, (("stem", 4), ("block.branches.conv", 4)), _STEM),
    Net(
        "option A in a block",
        lambda: _classifier(8, stem=_conv(3, 4), block=ThinBlock()),
        _IMAGE,
        (("stem", 4), ("block.conv", 4)),
        _STEM,
    ),
    Net("two inputs", TwoInputs, ((2, 3, 8, 8), (2, 1, 8, 8)), (("left", 6),), _HEAD),
    Net("shared module", Twice, _IMAGE, (("stem", 6),), _STEM),
    Net("transposed", _transposed, _IMAGE, (("stem", 6), ("up", 4)), _STEM),
    Net("parameters", Scaled, _IMAGE, (("conv", 6),), (("matrix[1]", "output of the network"),)),
    Net("line", _line, ((2, 2, 10),), (("conv", 6),), _HEAD),
    Net("volume", _volume, ((1, 1, 5, 5, 5),), (("conv", 5),), _HEAD),
    Net("channel shuffle", _shuffled, _IMAGE, (("stem", 8), ("point", 8)), _STEM),
    Net("group norm", _normalised, _IMAGE, (("conv_wide", 4), ("conv_thin", 4), ("conv_all", 8)), _HEAD),
    Net("transposed groups", _whole_groups, _IMAGE, (("stem#1", 4), ("stem#2", 2), ("up", 3)), _STEM),
    Net("pixel shuffle", _pixels, _IMAGE, (("stem", 3),), _STEM),
    Net("gated linear unit", _gated, _IMAGE, (("stem", 6), ("conv", 5)), _STEM),
    Net(
        "standardised weights",
        _standardised,
        _IMAGE,
        (("stem", 8), ("wide", 5), ("point", 5)),
        (*_STEM, ("point.weight[1]", "needs two channels"), ("wide.weight[0]", "needs two channels")),
    ),
    Net(
        "shuffle unit",
        _unit,
        _IMAGE,
        (("stem#1", 4), ("stem#2", 4), ("unit.branch.0", 4), ("unit.branch.4", 4), ("conv", 6)),
        _STEM,
    ),
)
