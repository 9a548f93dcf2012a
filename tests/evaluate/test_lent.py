import pytest
import torch
from torch import nn

from cpruner.evaluate.lent import channels_last, lent


def network() -> nn.Sequential:
    found = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2)).train()
    found[1].eval()
    return found


def test_modes_are_restored_module_by_module_even_after_an_error() -> None:
    given = network()
    with lent(given) as where:
        assert where == torch.device("cpu")
        assert not any(module.training for module in given.modules())
    with pytest.raises(OSError, match="unplugged"), lent(given):
        raise OSError("unplugged")
    assert [module.training for module in given.modules()] == [True, True, False, True, True]


def test_a_network_without_parameters_is_on_the_cpu() -> None:
    with lent(nn.Identity()) as where:
        assert where.type == "cpu"


def test_convolutions_are_laid_out_and_back() -> None:
    given = network()
    weight, linear = given[0].weight, given[3].weight
    before, storage = weight.detach().clone(), weight.data_ptr()
    with channels_last(given):
        assert given[0].weight is weight
        assert weight.is_contiguous(memory_format=torch.channels_last)
        assert not weight.is_contiguous()
        assert torch.equal(weight, before)
        assert given[3].weight is linear
    assert weight.is_contiguous()
    assert weight.data_ptr() == storage
