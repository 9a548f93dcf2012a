import pytest
import torch
from torch import nn

from cpruner.constraint.steady import require_initialised, steady
from cpruner.errors import InputError

CPU = torch.device("cpu")


def network() -> nn.Sequential:
    net = nn.Sequential(nn.Linear(2, 2), nn.Dropout(), nn.BatchNorm1d(2))
    net.train()
    net[2].eval()  # a frozen normalisation inside a network in training
    return net


def test_evaluation_inside_and_mixed_flags_restored_outside():
    net = network()
    with steady(net, CPU):
        assert not any(module.training for module in net.modules())
        assert not torch.is_grad_enabled()
    assert [module.training for module in net] == [True, True, False]
    assert torch.is_grad_enabled()


def test_flags_and_random_state_are_restored_after_an_error():
    def measure_badly():
        with steady(net, CPU):
            torch.rand(3)
            raise ZeroDivisionError

    net, state = network(), torch.get_rng_state()
    with pytest.raises(ZeroDivisionError):
        measure_badly()
    assert net.training
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.filterwarnings("ignore:Lazy modules")  # torch < 2.9
def test_lazy_parameter_is_named():
    lazy = nn.Sequential(nn.ReLU(), nn.LazyLinear(3))
    with pytest.raises(InputError, match=r"network: expected .* got the uninitialised parameter '1\.weight'.* Run the"):
        require_initialised(lazy)
