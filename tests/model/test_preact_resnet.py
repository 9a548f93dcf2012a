import pytest
import torch
from network_size import size
from torch import nn

from cpruner.errors import InputError
from cpruner.model import PreActResNet

EXAMPLE = torch.zeros(1, 3, 32, 32)


# kuangliu/pytorch-cifar has 11.17 M and 21.28 M parameters and leaves out the last batch norm of the paper: 2 * 512.
@pytest.mark.parametrize(("depth", "parameters"), [(18, 11_171_146), (34, 21_279_306)])
def test_published_parameters(depth: int, parameters: int) -> None:
    assert size(PreActResNet(depth)).parameters == parameters + 2 * 512


def test_eighteen_layers_by_hand() -> None:
    expected, entering = 3 * 64 * 9, 64
    for width in (64, 128, 256, 512):
        shortcut = 0 if width == entering else entering * width
        expected += 2 * entering + 9 * entering * width + 2 * width + 9 * width * width + shortcut
        expected += 2 * (2 * width + 9 * width * width)
        entering = width
    assert size(PreActResNet()).parameters == expected + 2 * 512 + 512 * 10 + 10 == 11_172_170


def test_published_multiply_adds() -> None:
    # kuangliu/pytorch-cifar counted with thop, batch norms included: 556.52 M.
    assert size(PreActResNet()).macs / 1e6 == pytest.approx(556.52, rel=0.005)


@pytest.mark.parametrize("depth", [18, 34])
def test_depth_counts_layers_off_the_shortcuts(depth: int) -> None:
    with torch.device("meta"):
        network = PreActResNet(depth).build(10, EXAMPLE)
    layers = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    assert len([name for name in layers if "shortcut" not in name]) == depth
    assert len(layers) == depth + 3


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (1, 8, 2)])
def test_any_channels_size_and_classes(channels: int, size: int, classes: int) -> None:
    network = PreActResNet().build(classes, torch.zeros(1, channels, size, size))
    assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)


@pytest.mark.parametrize("depth", [50, 0])
def test_refuses_other_depths(depth: int) -> None:
    with pytest.raises(InputError, match=r"PreActResNet\.depth: expected one of 18, 34, got"):
        PreActResNet(depth)
