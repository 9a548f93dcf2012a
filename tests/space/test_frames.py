from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import Rewired
from cpruner.space import PruningSpace, trace
from cpruner.testing.blocks import Shuffle, Thin

X = torch.linspace(-1, 1, 2 * 3 * 64, dtype=torch.float64).reshape(2, 3, 8, 8)


class Halves(nn.Module):
    """A gated linear unit: two inputs per output."""

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, 1)
        return left * right.sigmoid()


class Grouped(nn.Module):
    """A shuffle that takes an argument."""

    def forward(self, x: Tensor, groups: int = 2) -> Tensor:
        n, c, h, w = x.shape
        return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


def net(function: Any, move: nn.Module, **parts: nn.Module) -> nn.Module:
    parts = {"a": nn.Conv2d(3, 8, 3), "move": move, "b": nn.Conv2d(8, 8, 3), "fc": nn.Linear(8, 2), **parts}
    return Function(lambda s, x: s.fc(function(s, s.a(x)).mean((2, 3))), **parts)


def checked(model: nn.Module) -> PruningSpace:
    space = trace(model, X)
    for ratio in (0.0, 0.4, 0.7, 1.0):
        check(model, (X,), space, space.uniform(ratio))
    return space


def reasons(space: PruningSpace) -> dict[str, str]:
    return {f"{entry.tensor}[{entry.axis}]": entry.reason for entry in space.frozen}


@pytest.mark.parametrize("move", [Shuffle(), Halves(), Thin(0), nn.Identity()])
def test_a_module_without_parameters_that_runs_once_is_replaced(move: nn.Module) -> None:
    reads = 4 if isinstance(move, Halves) else 8
    space = checked(net(lambda s, h: s.b(s.move(h)), move, b=nn.Conv2d(reads, 8, 1)))
    assert [group.name for group in space.groups] == ["a", "b"]
    expected = ["move"] if isinstance(move, Shuffle | Halves) else []
    assert [rewire.module for rewire in space.plan.rewires] == expected


def test_the_smaller_network_holds_the_replacement() -> None:
    model = net(lambda s, h: s.b(s.move(h)), Shuffle())
    small = check(model, (X,), trace(model, X), trace(model, X).uniform(0.5))
    assert isinstance(small.move, Rewired)
    assert isinstance(small.move.inner, Shuffle)
    assert set(small.state_dict()) == set(model.state_dict())


def test_a_nested_module_is_blamed_before_the_ones_around_it() -> None:
    space = checked(net(lambda s, h: s.b(s.move(h)), nn.Sequential(nn.ReLU(), nn.Sequential(Shuffle()))))
    assert [rewire.module for rewire in space.plan.rewires] == ["move.1.0"]


def test_a_module_that_runs_twice_keeps_its_sizes() -> None:
    space = checked(net(lambda s, h: s.move(s.b(s.move(h))), Shuffle()))
    assert space.groups == ()
    assert reasons(space)["a.weight[0]"] == "'move' states sizes and is used more than once"


def test_a_module_that_also_moves_a_tensor_of_fixed_size_keeps_its_sizes() -> None:
    model = Function(
        lambda s, x: s.fc((s.move(s.a(x)) + s.b(s.move(x))).mean((2, 3))),
        a=nn.Conv2d(3, 4, 1),
        move=Thin(2),
        b=nn.Conv2d(7, 8, 1),
        fc=nn.Linear(8, 2),
    )
    assert checked(model).groups == ()


def test_a_module_with_two_names_keeps_its_sizes() -> None:
    move = Shuffle()
    space = checked(net(lambda s, h: s.b(s.again(h)), move, again=move))
    assert [group.name for group in space.groups] == ["b"]


def test_a_module_called_with_keywords_keeps_its_sizes() -> None:
    space = checked(net(lambda s, h: s.b(s.move(h, groups=4)), Grouped()))
    assert [group.name for group in space.groups] == ["b"]
    assert "in the forward of 'move'" in reasons(space)["a.weight[0]"]


def test_a_module_with_two_results_keeps_its_sizes() -> None:
    split = Function(lambda s, h: h.chunk(2, 1))
    space = checked(net(lambda s, h: s.b(sum(s.move(h))), split, b=nn.Conv2d(4, 8, 1)))
    assert [group.name for group in space.groups] == ["b"]
    assert "'split' states a size of this axis in the forward of 'move'" in reasons(space)["a.weight[0]"]


def test_sizes_stated_next_to_parameters_are_blamed_on_that_module() -> None:
    inner = Function(lambda s, h: functional.pad(s.b(h)[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1)), b=nn.Conv2d(8, 6, 1))
    space = checked(net(lambda s, h: s.move(h), inner))
    assert reasons(space)["move.b.weight[0]"] == "'pad' states a size of this axis in the forward of 'move'"
    assert [group.name for group in space.groups] == ["a"]


def test_sizes_stated_in_the_model_itself() -> None:
    space = checked(net(lambda s, h: s.b(h[:, :4]), nn.Identity(), b=nn.Conv2d(4, 8, 1)))
    assert reasons(space)["a.weight[0]"] == "'slice' states a size of this axis in the forward of 'the model'"


def test_the_hooks_of_others_run_and_no_global_hook_stays() -> None:
    from torch.nn.modules import module as internals

    model = net(lambda s, h: s.b(s.move(h)), Shuffle())
    seen: list[str] = []
    model.move.register_forward_hook(lambda *_: seen.append("move"))
    trace(model, X)
    assert seen == ["move"]
    assert not internals._global_forward_hooks
    assert not internals._global_forward_pre_hooks


def test_modules_outside_the_model_are_not_blamed() -> None:
    outside = Shuffle()
    space = checked(net(lambda s, h: s.b(outside(h)), nn.Identity()))
    assert "in the forward of 'the model'" in reasons(space)["a.weight[0]"]
