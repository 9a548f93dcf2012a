from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from torch import Tensor, nn

from cpruner.candidate import proven
from cpruner.space import PruningSpace, trace
from cpruner.testing.nets import NETS

X = torch.linspace(-1, 1, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8).sin()
OTHERS = {f"c{i}": nn.Conv2d(6, 6, 3, padding=1) for i in range(5)}


def prove(forward: Any, **parts: Any) -> PruningSpace:
    """conv 3 -> 6, five convolutions, what is given, linear."""
    parts = {"a": nn.Conv2d(3, 6, 3, padding=1), **OTHERS, "fc": nn.Linear(6, 2), **parts}
    model = Function(forward, **parts)
    space = proven(model, trace(model, X), X)
    check(model, (X,), space, space.smallest())
    check(model, (X,), space, space.uniform(0.5))
    return space


def chain(self: Any, x: Tensor) -> Tensor:
    for layer in (self.a, self.c0, self.c1, self.c2, self.c3, self.c4):
        x = layer(x).relu()
    return x


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_what_holds_is_returned_as_it_is(net) -> None:
    model, inputs = net.build(), net.inputs()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    space = trace(model, inputs)
    assert proven(model, space, inputs) is space
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "view", [lambda h: h.view(-1, 6 * 64), lambda h: h.view(2, 6 * 64), lambda h: h.reshape(2, 6, 64).flatten(1)]
)
def test_a_size_written_in_python_is_found_and_only_its_group_frozen(view: Any) -> None:
    space = prove(lambda s, x: s.fc(view(chain(s, x))), fc=nn.Linear(6 * 64, 2))
    assert [group.name for group in space.groups] == ["a", "c0", "c1", "c2", "c3"]
    (reason,) = {entry.reason for entry in space.frozen if entry.tensor == "c4.bias"}
    assert reason.startswith("without some of its channels the network fails: RuntimeError: ")


def test_two_guilty_groups_are_both_found() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        h = self.c0(self.a(x).view(2, 6, 8, 8)).relu()
        h = self.c3(self.c2(self.c1(h)).reshape(2, 6, 8, 8))
        return self.fc(self.c4(h).mean((2, 3)))

    assert [group.name for group in prove(forward).groups] == ["c0", "c1", "c3", "c4"]


def test_a_size_that_only_fails_at_one_channel_is_found() -> None:
    """Any width but one will do, as with an unqualified ``squeeze``."""

    def forward(self: Any, x: Tensor) -> Tensor:
        means = chain(self, x).mean((2, 3))
        return self.fc(means if means.shape[1] > 1 else means.view(2, 6))

    assert [group.name for group in prove(forward).groups] == ["a", "c0", "c1", "c2", "c3"]


def test_a_network_that_runs_but_computes_something_else_is_found() -> None:
    """The batch takes the place of the missing channels, or the mean divides by a stated number."""

    def forward(self: Any, x: Tensor) -> Tensor:
        h = chain(self, x)
        return self.fc(h.mean((2, 3))) * (6 / h.shape[1])

    space = prove(forward)
    assert [group.name for group in space.groups] == ["a", "c0", "c1", "c2", "c3"]
    (reason,) = {entry.reason for entry in space.frozen if entry.tensor == "c4.bias"}
    assert "computes something else" in reason


def test_two_channels_split_by_a_view() -> None:
    model = Function(
        lambda s, x: s.fc(s.a(x).view(2, 2, 1, 8, 8).transpose(1, 2).reshape(2, 2, 8, 8).mean((2, 3))),
        a=nn.Conv2d(3, 2, 1), fc=nn.Linear(2, 2),
    )  # fmt: skip
    assert proven(model, trace(model, X), X).groups == ()


def test_groups_that_only_fail_together_are_all_frozen() -> None:
    """Either may shrink alone: the code only minds when both do."""

    def forward(self: Any, x: Tensor) -> Tensor:
        left, right = self.a(x).mean((2, 3)), self.c(x).mean((2, 3))
        if left.shape[1] < 6 and right.shape[1] < 5:
            raise ValueError("both")
        return self.fc(left) + self.gc(right)

    model = Function(forward, a=nn.Conv2d(3, 6, 1), c=nn.Conv2d(3, 5, 1), fc=nn.Linear(6, 2), gc=nn.Linear(5, 2))
    space = trace(model, X)
    assert len(space.groups) == 2
    left = proven(model, space, X)
    assert left.groups == ()
    assert {entry.reason for entry in left.frozen if entry.axis == 0 and "bias" in entry.tensor} == {
        "without some of its channels the network fails: ValueError: both",
        "output of the network",
    }


def test_a_division_by_a_parameter_cannot_be_judged_by_the_mask_and_passes() -> None:
    model = Function(
        lambda s, x: s.fc((s.a(x) / s.scale).mean((2, 3))),
        a=nn.Conv2d(3, 6, 1), scale=nn.Parameter(torch.linspace(1, 2, 6).reshape(6, 1, 1)), fc=nn.Linear(6, 2),
    )  # fmt: skip
    space = trace(model, X)
    assert proven(model, space, X) is space


def test_the_model_keeps_its_mode_and_random_state() -> None:
    model = NETS[0].build().train()
    before = torch.get_rng_state()
    proven(model, trace(model, NETS[0].inputs()), NETS[0].inputs())
    assert model.training
    assert torch.equal(before, torch.get_rng_state())


def test_nothing_to_prove() -> None:
    model = nn.Linear(3, 2)
    space = trace(model, torch.ones(1, 3))
    assert proven(model, space, torch.ones(1, 3)) is space
