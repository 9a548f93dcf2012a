from typing import Any

import pytest
import torch
from function import Function
from invariants import check
from spaces import IMAGE, TOKENS, programs, reason, sizes
from torch import Tensor, nn
from torch.nn import functional

from cpruner.candidate import materialise
from cpruner.space import PruningSpace, trace


def auxiliary(head: Any, **parts: nn.Module) -> nn.Module:
    """``fc(mean(b(a(x))))``; in training mode also what ``head`` makes of ``a(x)``."""

    def forward(self: Any, x: Tensor) -> Any:
        hidden = self.norm(self.a(x)).relu()
        result = self.fc(functional.dropout(self.b(hidden).mean((2, 3)), 0.5, self.training))
        return (result, head(self, hidden)) if self.training else result

    own = {"a": nn.Conv2d(3, 8, 3), "norm": nn.BatchNorm2d(8), "b": nn.Conv2d(8, 6, 1), "fc": nn.Linear(6, 2)}
    return Function(forward, **own, **parts).double().eval()


def classifier() -> nn.Module:
    layers = nn.Conv2d(8, 5, 1), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 3)
    return auxiliary(lambda s, h: s.aux(h), aux=nn.Sequential(*layers))


def checked(model: nn.Module) -> PruningSpace:
    space = trace(model, IMAGE)
    for candidate in (space.dense(), space.smallest(), space.uniform(0.5)):
        check(model, (IMAGE,), space, candidate)
    return space


def test_an_auxiliary_classifier_loses_what_it_reads_and_is_pruned_itself() -> None:
    space = checked(model := classifier())
    assert sizes(space) == {"a": 8, "b": 6, "aux.0": 5}
    assert reason(space, "aux.4.weight[0]") == "output of the network in training mode"
    small = materialise(model, space.uniform(0.5)).train()
    result, extra = small(IMAGE)
    assert (result.shape, extra.shape) == ((2, 2), (2, 3))
    (result.sum() + extra.sum()).backward()
    assert all(parameter.grad is not None for parameter in small.parameters())


def test_dropout_inside_attention_and_recurrence_does_not_stop_the_second_run() -> None:
    """Torch drops there in one op, whose mask follows what it drops."""

    def forward(s: Any, x: Tensor) -> Any:
        h = s.a(x)
        h = s.r(h + s.m(h, h, h, need_weights=False)[0])[0]
        return (s.fc(h), s.aux(h)) if s.training else s.fc(h)

    parts = {"a": nn.Linear(6, 8), "m": nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)}
    parts |= {"r": nn.GRU(8, 5, 2, dropout=0.5, batch_first=True), "fc": nn.Linear(5, 2), "aux": nn.Linear(5, 3)}
    space = trace(Function(forward, **parts).double().eval(), TOKENS)
    assert sizes(space) == {"a": 8, "m#1": 2, "m#2": 4, "m#3": 4, "r": 5}


def test_the_model_is_left_as_it_was() -> None:
    model = classifier()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random = torch.get_rng_state()
    trace(model, IMAGE)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)
    assert not any(module.training for module in model.modules())


def test_without_such_parts_the_network_runs_in_eval_mode_only() -> None:
    modes = []

    def forward(self: Any, x: Tensor) -> Tensor:
        modes.append(self.training)
        return self.b(self.a(x)).mean((2, 3))

    trace(Function(forward, a=nn.Conv2d(3, 8, 3), b=nn.Conv2d(8, 2, 1)).double(), IMAGE)
    assert modes
    assert not any(modes)


def test_a_network_that_does_not_run_in_training_mode_keeps_what_was_found() -> None:
    def fails(self: Any, hidden: Tensor) -> Tensor:
        raise ValueError("no labels")

    space = checked(auxiliary(fails, spare=nn.Linear(8, 3)))
    assert sizes(space) == {"a": 8, "b": 6}
    assert reason(space, "spare.weight[1]").startswith("not run, neither in eval nor in training mode")


def test_sizes_that_training_code_states_stay() -> None:
    """In eval mode a program would be written; there is none for what only runs in training mode."""
    space = checked(auxiliary(lambda s, h: s.aux(h.mean((2, 3)).view(-1, 2, 4).sum(1)), aux=nn.Linear(4, 3)))
    assert sizes(space) == {"b": 6}
    assert reason(space).endswith("in training mode")
    assert programs(space) == set()


@pytest.mark.parametrize("groups", [2, 8])
def test_convolutions_in_groups_that_run_in_both_modes_are_counted_once(groups: int) -> None:
    model = auxiliary(
        lambda s, h: s.aux(s.deep(h).mean((2, 3))), aux=nn.Linear(8, 3), deep=nn.Conv2d(8, 8, 1, groups=groups)
    )
    space = checked(model)
    small = materialise(model, space.smallest()).train()
    assert small(IMAGE)[1].shape == (2, 3)
    assert small.deep.groups < groups
