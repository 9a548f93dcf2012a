from typing import Any

import pytest
import torch
from network_size import size
from torch import nn

from cpruner.errors import InputError
from cpruner.model import WideResNet

EXAMPLE = torch.zeros(1, 3, 32, 32)


# Zagoruyko and Komodakis 2016, table 4, in millions; osmr/imgclsmob has the same last digits for 16-10 and 28-10.
@pytest.mark.parametrize(
    ("depth", "widen", "parameters", "published"),
    [
        (40, 2, 2_243_546, 2.2),
        (40, 4, 8_949_210, 8.9),
        (16, 8, 10_961_370, 11.0),
        (22, 8, 17_158_106, 17.2),
        (16, 10, 17_116_634, 17.1),
        (28, 10, 36_479_194, 36.5),
    ],
)
def test_parameters_are_those_of_the_paper(depth: int, widen: int, parameters: int, published: float) -> None:
    counted = size(WideResNet(depth, widen)).parameters
    assert counted == parameters
    assert round(counted / 1e6, 1) == published


def test_sixteen_layers_by_hand() -> None:
    expected, entering = 3 * 16 * 9, 16
    for width in (64, 128, 256):
        first = 2 * entering + 9 * entering * width + 2 * width + 9 * width * width + entering * width
        expected += first + 2 * (2 * width + 9 * width * width)
        entering = width
    expected += 2 * 256 + 256 * 10 + 10
    assert size(WideResNet(16, 4)).parameters == expected == 2_748_890


def test_multiply_adds_are_those_of_the_literature() -> None:
    # osmr/imgclsmob, table of CIFAR-10 networks: 5,246.98 M, batch norms and poolings included.
    assert size(WideResNet(28, 10)).macs / 1e6 == pytest.approx(5_246.98, rel=0.001)


@pytest.mark.parametrize("depth", [10, 16, 28])
def test_depth_counts_convolutions(depth: int) -> None:
    network = WideResNet(depth, widen=2).build(10, EXAMPLE)
    assert sum(isinstance(module, nn.Conv2d) for module in network.modules()) == depth


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (1, 8, 2), (4, 17, 7)])
def test_any_channels_size_and_classes(channels: int, size: int, classes: int) -> None:
    network = WideResNet(10, widen=1).build(classes, torch.zeros(1, channels, size, size))
    assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)
    assert not network.training


@pytest.mark.parametrize("options", [{"depth": 18}, {"depth": 4}, {"widen": 0}])
def test_refuses_other_options(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=rf"WideResNet\.{next(iter(options))}"):
        WideResNet(**options)
