import pytest
import torch
from torch import nn

import cpruner.constraint as room
from cpruner.constraint import Cost, External, Flops, Latency, Sample
from cpruner.testing import check_cost

X = (torch.randn(2, 3, generator=torch.Generator().manual_seed(0)),)
OPTIONS = {
    "Latency": {"warmup": 0, "repeats": 3, "batch_size": 4, "threads": 1},
    "External": {"function": lambda network, inputs: 2.0},
}


def network() -> nn.Module:
    """Everything a careless cost might disturb: dropout, batch statistics, mixed flags, a gradient, a frozen weight."""
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(), nn.Linear(3, 2)).train()
    net[1].eval()
    net(X[0]).sum().backward()
    net[3].bias.requires_grad_(False)
    return net


def exported_costs() -> list[Cost]:
    classes = [getattr(room, name) for name in room.__all__]
    found = [one for one in classes if isinstance(one, type) and one is not Cost and hasattr(one, "measure")]
    return [one(**OPTIONS.get(one.__name__, {})) for one in found]


@pytest.mark.parametrize("cost", exported_costs(), ids=lambda cost: cost.name)
def test_everything_exported_keeps_the_contract(cost):
    assert check_cost(cost, network(), X).value > 0


def test_the_kit_sees_every_cost():
    assert {type(cost).__name__ for cost in exported_costs()} == {"Flops", "Macs", "Params", "Latency", "External"}


class Rogue:
    """A cost whose measurement is any function."""

    unit = "J"

    def __init__(self, measure, name="rogue", counted=None):
        self._measure, self.name, self.counted = measure, name, counted

    def measure(self, network, example_inputs):
        result = self._measure(network, example_inputs)
        return result if isinstance(result, Sample) else Sample(1.0)


def forget_gradients(network, inputs):
    network.zero_grad()


def learn(network, inputs):
    network[0].weight.data.add_(1)


def update_statistics(network, inputs):
    network.train()(inputs[0])


def leave_attribute(network, inputs):
    network[0].total_ops = 3


def leave_hook(network, inputs):
    network[0].register_forward_hook(lambda *_: None)


@pytest.mark.parametrize(
    ("measure", "broken"),
    [
        (forget_gradients, "the gradients"),
        (learn, "the weights or buffers"),
        (update_statistics, "the weights or buffers"),
        (leave_attribute, "the attributes of a module"),
        (leave_hook, "the hooks of a module"),
        (lambda net, _: net.double(), "the weights or buffers"),
        (lambda net, _: net.eval(), "the training flags"),
        (lambda net, _: net.requires_grad_(True), "which parameters learn"),
        (lambda net, inputs: inputs[0].add_(1), "the example inputs"),
        (lambda *_: torch.rand(1), "the random state"),
        (lambda *_: Sample(float("nan")), "nan is not finite and positive"),
        (lambda *_: Sample(0.0), "0.0 is not finite and positive"),
        (lambda *_: Sample(1.0, -1.0), "spread -1.0 is no half width"),
    ],
    ids=range(13),
)
def test_every_breach_is_named(measure, broken):
    inputs = (X[0].clone(),)
    with pytest.raises(AssertionError, match=f"Rogue breaks the contract of a cost: .*{broken}"):
        check_cost(Rogue(measure), network(), inputs)


def test_count_that_drifts_is_named():
    values = iter([1.0, 2.0])
    with pytest.raises(AssertionError, match=r"it counts 1\.0, then 2\.0"):
        check_cost(Rogue(lambda *_: Sample(next(values)), counted="flops"), network(), X)


def test_identity_of_the_cost_is_checked():
    with pytest.raises(AssertionError, match="no name, unit, counted or measure"):
        check_cost(lambda network, inputs: 1.0, network(), X)
    with pytest.raises(AssertionError, match="counted is not one of"):
        check_cost(Rogue(lambda *_: None, counted="bytes"), network(), X)
    with pytest.raises(AssertionError, match="name is not a text"):
        check_cost(Rogue(lambda *_: None, name=""), network(), X)


def test_returns_the_measurement_for_further_checks():
    assert check_cost(Flops(), network(), X).value == 2 * 2 * (9 + 6)
    assert check_cost(External(lambda *_: 3), network(), X).value == 3.0
    assert check_cost(Latency(warmup=0, repeats=3), network(), X).spread >= 0
