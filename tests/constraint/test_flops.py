import pytest
import torch
import torchvision
from torch import nn

from cpruner.constraint import Flops, Macs


def small_network() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 16, 10)
    )


def test_flops_are_two_per_multiply_accumulate():
    x = torch.zeros(1, 1, 4, 4)
    assert Macs().measure(small_network(), (x,)).value == 16 * 2 * 9 + 32 * 10
    assert Flops().measure(small_network(), (x,)).value == 2 * (16 * 2 * 9 + 32 * 10)


@pytest.mark.parametrize("cost", [Flops(), Macs()])
def test_every_example_counts_and_a_lone_tensor_will_do(cost):
    x = torch.zeros(1, 1, 4, 4)
    assert cost.measure(small_network(), (x.repeat(3, 1, 1, 1),)).value == 3 * cost.measure(small_network(), x).value


def test_names_units_and_counts():
    assert (Flops().name, Flops().unit, Flops().counted) == ("flops", "FLOPs", "flops")
    assert (Macs().name, Macs().unit, Macs().counted) == ("macs", "MACs", "macs")
    assert Flops() == Flops()


def test_resnet18_agrees_with_the_published_count():
    """He et al. 2016, table 1, give 1.8e9 multiply-adds."""
    with torch.device("meta"):
        network = torchvision.models.resnet18()
    macs = Macs().measure(network, (torch.zeros(1, 3, 224, 224, device="meta"),)).value
    assert macs == 1_814_073_344
