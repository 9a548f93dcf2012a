import pytest
import torch
from torch import nn

from cpruner.constraint import Params
from cpruner.errors import InputError


def test_weights_and_biases_count_buffers_do_not():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(5, 2, bias=False))
    assert Params().measure(network, ()).value == (3 * 4 * 9 + 4) + 2 * 4 + 10


def test_shared_parameter_counts_once():
    first, second = nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False)
    second.weight = first.weight
    assert Params().measure(nn.Sequential(first, second, first), ()).value == 9


def test_frozen_parameters_count():
    assert Params().measure(nn.Linear(2, 2).requires_grad_(False), ()).value == 6


def test_network_is_not_run():
    assert Params().measure(nn.Linear(2, 2), (torch.zeros(1, 99),)).value == 6


@pytest.mark.filterwarnings("ignore:Lazy modules")  # torch < 2.9
def test_unknown_shape_is_refused():
    with pytest.raises(InputError, match="Run the network once"):
        Params().measure(nn.LazyLinear(2), ())
