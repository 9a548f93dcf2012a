import pytest
import torch
from torch import nn

from cpruner.constraint.steady import require_initialised, steady, without_gradients
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


def test_no_parameter_asks_for_a_gradient_inside_and_the_same_ones_afterwards():
    def run_badly():
        with without_gradients(net):
            assert not any(parameter.requires_grad for parameter in net.parameters())
            raise ZeroDivisionError

    net = network()
    net[0].bias.requires_grad_(False)
    with pytest.raises(ZeroDivisionError):
        run_badly()
    assert [name for name, parameter in net.named_parameters() if not parameter.requires_grad] == ["0.bias"]


def test_parameters_that_are_results_are_left_alone():
    net = network()
    net[0].weight = nn.Parameter(torch.ones(2, 2))
    del net[0].weight
    net[0]._parameters["weight"] = result = torch.ones(2, 2, requires_grad=True) * 1
    with without_gradients(net):
        assert result.requires_grad
