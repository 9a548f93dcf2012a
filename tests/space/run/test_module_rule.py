from typing import Any, final

import pytest
import torch
from torch import Tensor, nn

import cpruner
from cpruner.space import ModuleCall

X = torch.linspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)


class Hidden(nn.Module):
    """A linear layer that does its work in numpy."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.width = inputs
        self.weight = nn.Parameter(torch.linspace(-1, 2, inputs * outputs).reshape(outputs, inputs).sin())

    def forward(self, x: Tensor) -> Tensor:
        assert self.width == x.shape[1]
        return torch.from_numpy(x.detach().numpy() @ self.weight.detach().numpy().T)


@final
class HiddenRule:
    kind = Hidden

    def __call__(self, call: ModuleCall) -> None:
        (source,), weight = call.inputs, call.module.weight
        call.tie((source, 1), (weight, 1))
        call.makes((call.output, 1), (weight, 0))
        call.counts("width", (weight, 1))
        call.flops(2.0 * len(source), (weight, 0), (weight, 1))


@final
class PassRule:
    kind = nn.Softshrink

    def __call__(self, call: ModuleCall) -> None:
        call.passes(call.inputs[0], call.output)


def net(*between: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), Hidden(8, 6), *between, nn.Linear(6, 2)).double().eval()


def test_without_a_rule_the_module_freezes_what_it_reads_and_what_reads_it() -> None:
    space = cpruner.trace(net(), X)
    assert space.groups == ()
    assert {entry.reason for entry in space.frozen if entry.tensor == "3.weight" and entry.axis == 1} == {
        "reads a tensor of fixed size"
    }


def test_a_rule_lets_channels_through() -> None:
    model = net()
    space = cpruner.trace(model, X, rules=[HiddenRule()])
    assert [(group.name, group.size) for group in space.groups] == [("0", 8), ("2", 6)]
    assert space.verify(model, X).error <= 1e-12
    small = cpruner.materialise(model, space.at([0.5, 0.5]))
    assert small[2].weight.shape == (3, 4)
    assert small[2].width == 4


def test_the_rule_may_count_the_work() -> None:
    model = net()
    space = cpruner.trace(model, X, rules=[HiddenRule()])
    assert space.count(space.dense()).macs == 3 * (4 * 8 + 8 * 6 + 6 * 2)
    assert space.count(space.at([0.5, 0.5])).macs == 3 * (4 * 4 + 4 * 3 + 3 * 2)


def test_a_module_may_pass_its_input_on() -> None:
    model = net(nn.Softshrink(0.1))
    space = cpruner.trace(model, X, rules=[HiddenRule(), PassRule()])
    assert [group.name for group in space.groups] == ["0", "2"]
    assert space.verify(model, X).error <= 1e-12


@final
class WrongRule:
    kind = Hidden

    def __call__(self, call: ModuleCall) -> None:
        call.passes(call.inputs[0].new_zeros(1), call.output)
        call.makes((call.output, 1), (call.module.weight, 0))


def test_a_wrong_rule_is_found_by_the_proof() -> None:
    """It forgets to tie the inputs, so the layer before would shrink alone."""
    space = cpruner.trace(net(), X, rules=[WrongRule()])
    assert "0" not in [group.name for group in space.groups]


@final
class RaisingRule:
    kind = Hidden

    def __call__(self, call: Any) -> None:
        call.tie((call.inputs[0], 1), (call.module.weigth, 1))


def test_a_rule_that_raises_is_named() -> None:
    with pytest.raises(cpruner.errors.TraceError, match="weigth"):
        cpruner.trace(net(), X, rules=[RaisingRule()])
