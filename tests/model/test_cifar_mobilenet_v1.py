import pytest
import torch
from network_size import size
from torch import nn

from cpruner.errors import InputError
from cpruner.model import CifarMobileNetV1

EXAMPLE = torch.zeros(1, 3, 32, 32)


# Howard et al. 2017, table 6: 4.2 M, 2.6 M, 1.3 M and 0.5 M parameters for 1000 classes.
@pytest.mark.parametrize(
    ("width", "parameters", "published"),
    [(1.0, 4_231_976, 4.2), (0.75, 2_585_560, 2.6), (0.5, 1_331_592, 1.3), (0.25, 470_072, 0.5)],
)
def test_parameters_are_those_of_the_paper(width: float, parameters: int, published: float) -> None:
    counted = size(CifarMobileNetV1(width), classes=1000).parameters
    assert counted == parameters
    assert round(counted / 1e6, 1) == published


def test_size_for_ten_classes() -> None:
    counted = size(CifarMobileNetV1())
    assert counted.parameters == 4_231_976 - 990 * 1025  # the head has 1024 weights and a bias for each class
    # Layers of table 1 at 32x32 pixels, by hand: stem, then (pixels, entering, leaving) of each separable convolution.
    layers = [(1024, 32, 64), (256, 64, 128), (256, 128, 128), (64, 128, 256), (64, 256, 256), (16, 256, 512)]
    layers += [*5 * [(16, 512, 512)], (4, 512, 1024), (4, 1024, 1024)]
    assert counted.macs == 1024 * 27 * 32 + sum(p * a * (9 + b) for p, a, b in layers) + 1024 * 10


def test_depthwise_and_pointwise_take_turns() -> None:
    network = CifarMobileNetV1(width=0.25).build(10, EXAMPLE)
    first, *rest = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert (first.kernel_size, first.stride, first.groups) == ((3, 3), (1, 1), 1)
    assert len(rest) == 26
    for depthwise, pointwise in zip(rest[::2], rest[1::2], strict=True):
        assert depthwise.groups == depthwise.in_channels == depthwise.out_channels == pointwise.in_channels
        assert (pointwise.kernel_size, pointwise.groups, pointwise.stride) == ((1, 1), 1, (1, 1))
    assert [conv.stride[0] for conv in rest[::2]] == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (1, 8, 2), (4, 17, 7)])
def test_any_channels_size_and_classes(channels: int, size: int, classes: int) -> None:
    network = CifarMobileNetV1(width=0.01).build(classes, torch.zeros(1, channels, size, size))
    assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)


@pytest.mark.parametrize("width", [0.0, -1.0])
def test_refuses_no_width(width: float) -> None:
    with pytest.raises(InputError, match=r"CifarMobileNetV1\.width"):
        CifarMobileNetV1(width)
