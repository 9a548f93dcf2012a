"""Sizes of tensors that a module makes out of nothing."""

from typing import Any

import pytest
import torch
from function import Function
from stating import seeded, tokens
from thorough import thorough
from torch import nn

from cpruner.candidate import materialise
from cpruner.space import trace


@pytest.mark.parametrize(
    "made",
    [
        lambda x: torch.zeros(len(x), 4, 6, dtype=x.dtype),
        lambda x: torch.full((len(x), 4, 6), 2.0, dtype=x.dtype),
        lambda x: x.new_ones(len(x), 4, 6),
    ],
)
def test_what_is_made_to_a_stated_size_follows_the_channels_and_the_batch(made: Any) -> None:
    model = seeded(lambda: Function(lambda s, x: s.b(s.a(x) * (1 + made(x))), a=nn.Linear(5, 6), b=nn.Linear(6, 3)))
    space = thorough(model, tokens(), batches=(1, 3))
    assert [group.size for group in space.groups] == [6]
    (program,) = space.plan.programs
    assert ("list", ("scaled", 2, 2), 4, ("n", 0)) in [arg for node in program.nodes for arg in node.args]


def test_what_is_made_has_the_type_of_the_network_in_any_precision() -> None:
    model = seeded(
        lambda: Function(
            lambda s, x: s.b(torch.zeros(len(x), 4, 6, dtype=x.dtype).index_add(1, s.places, s.a(x))),
            a=nn.Linear(5, 6), b=nn.Linear(6, 3), places=torch.tensor([0, 2, 1, 1]),
        )
    ).float()  # fmt: skip
    space = trace(model, tokens().float())
    assert [group.size for group in space.groups] == [6]
    small = materialise(model, space.uniform(0.5))
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        assert small.to(dtype)(tokens().to(dtype)).dtype == dtype
