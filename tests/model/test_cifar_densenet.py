from typing import Any

import pytest
import torch
from network_size import size
from torch import nn

from cpruner.errors import InputError
from cpruner.model import CifarDenseNet
from cpruner.model.cifar_densenet import DenseLayer

EXAMPLE = torch.zeros(1, 3, 32, 32)


# Huang et al. 2017, table 2: 1.0 M, 7.0 M and 27.2 M parameters.
@pytest.mark.parametrize(
    ("depth", "growth", "parameters", "published"),
    [(40, 12, 1_019_722, 1.0), (100, 12, 6_979_642, 7.0), (100, 24, 27_249_082, 27.2)],
)
def test_parameters_are_those_of_the_paper(depth: int, growth: int, parameters: int, published: float) -> None:
    counted = size(CifarDenseNet(depth, growth)).parameters
    assert counted == parameters
    assert counted / 1e6 == pytest.approx(published, abs=0.05)


def test_multiply_adds_are_those_of_the_literature() -> None:
    # Z. Liu et al., Learning efficient convolutional networks through network slimming, ICCV 2017, table 1:
    # 5.33e8 FLOPs, two for a multiply-add.
    assert 2 * size(CifarDenseNet()).macs == pytest.approx(5.33e8, rel=0.01)


def test_forty_layers_by_hand() -> None:
    stem, head, expected = 3 * 16 * 9, 448 * 10 + 10, 0
    for first in (16, 160, 304):
        expected += sum(2 * width + 9 * width * 12 for width in range(first, first + 144, 12))
    transitions = sum(2 * width + width * width for width in (160, 304))
    assert size(CifarDenseNet()).parameters == stem + expected + transitions + 2 * 448 + head


def test_a_layer_appends_to_what_comes_in() -> None:
    layer = DenseLayer(3, 2).eval()
    nn.init.constant_(layer.conv.weight, 0.0)
    nn.init.constant_(layer.conv.weight[:, 1, 1, 1], 2.0)
    images = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    out = layer(images)
    assert torch.equal(out[:, :3], images)
    expected = 2 * images[:, 1].relu()
    for added in (out[:, 3], out[:, 4]):
        assert torch.allclose(added, expected, rtol=1e-4)


def test_growth_decides_every_width() -> None:
    network = CifarDenseNet(depth=10, growth=5).build(2, EXAMPLE)
    shapes = [tuple(m.weight.shape[:2]) for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert shapes == [(16, 3), (5, 16), (5, 21), (26, 26), (5, 26), (5, 31), (36, 36), (5, 36), (5, 41)]


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (1, 8, 2), (4, 17, 7), (2, 1, 3)])
def test_any_channels_size_and_classes(channels: int, size: int, classes: int) -> None:
    network = CifarDenseNet(depth=10).build(classes, torch.zeros(1, channels, size, size))
    assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)


@pytest.mark.parametrize("options", [{"depth": 41}, {"depth": 4}, {"growth": 0}])
def test_refuses_other_options(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"CifarDenseNet\.{next(iter(options))}"):
        CifarDenseNet(**options)
