from typing import Any

import pytest
import torch
from spaces import IMAGE, TOKENS, checked, image_net, members, programs, reason, seeded, sizes, token_net
from torch import Tensor, nn

BOTH = {"a": 8, "b": 4}


@pytest.mark.parametrize(
    "constant",
    [
        lambda h: torch.ones(h.shape[1], 1, 1, dtype=h.dtype),
        lambda h: torch.zeros(h.shape, dtype=h.dtype),
        lambda h: torch.full(h.shape, 0.5, dtype=h.dtype),
        lambda h: torch.empty(h.shape, dtype=h.dtype).fill_(2.0),
        lambda h: h.new_zeros(h.shape),
        lambda h: h.new_ones(h.shape[1], 1, 1),
        lambda h: h.new_full((1, h.shape[1], 1, 1), 3.0),
        lambda h: h.new_empty(h.shape).zero_(),
    ],
)
def test_a_tensor_made_to_the_size_of_another_follows_it(constant: Any) -> None:
    space = checked(image_net(lambda s, h: h * (1 + constant(h))), IMAGE)
    assert sizes(space) == BOTH
    assert programs(space) == set()


@pytest.mark.parametrize(
    "constant",
    [
        lambda h: torch.ones(8, 1, 1, dtype=h.dtype),
        lambda h: torch.full((2, 8, 1, 1), 0.5, dtype=torch.float64),
        lambda h: h.new_zeros(2, 8, 8, 8),
        lambda h: h.new_ones(8, 1, 1),
    ],
)
def test_a_size_that_is_stated_as_a_number_needs_a_program(constant: Any) -> None:
    space = checked(image_net(lambda s, h: h * (1 + constant(h))), IMAGE)
    assert sizes(space) == BOTH
    assert programs(space) == {""}


def test_a_tensor_made_of_different_numbers_keeps_its_size() -> None:
    space = checked(image_net(lambda s, h: h + torch.arange(8, dtype=h.dtype)[:, None, None]), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space) == "combined element-wise with a tensor of fixed size"


def test_a_new_tensor_follows_the_old_one_only_where_the_sizes_agree() -> None:
    """Ones for each of the eight outputs of ``b``, as the six inputs are typed."""
    parts = {"a": nn.Linear(6, 8), "b": nn.Linear(8, 2)}
    space = checked(seeded(lambda s, x: s.b(s.a(x) * x.new_ones(2, 5, s.a.weight.shape[0])), **parts), TOKENS)
    assert sizes(space) == {"a": 8}


def test_channels_written_into_a_larger_tensor_of_zeros() -> None:
    """As code does that pads by itself."""

    def framed(_: Any, h: Tensor) -> Tensor:
        frame = torch.zeros(len(h), h.shape[1], 10, 10, dtype=h.dtype)
        frame[:, :, 1:9, 1:9] = h
        return frame

    space = checked(image_net(framed), IMAGE)
    assert sizes(space) == BOTH
    assert members(space, "a") == {"a.weight[0]", "a.bias[0]", "b.weight[1]"}


def test_a_state_that_starts_at_zero_and_is_mixed_at_every_step() -> None:
    def steps(self: Any, h: Tensor) -> Tensor:
        state = torch.zeros(len(h), self.u.out_features, dtype=h.dtype)
        for token in h.unbind(1):
            state = torch.tanh(self.u(state) + token)
        return state[:, None]

    space = checked(token_net(steps, u=nn.Linear(8, 8)), TOKENS)
    assert members(space, "a") == {
        "a.weight[0]",
        "a.bias[0]",
        "u.weight[0]",
        "u.weight[1]",
        "u.bias[0]",
        "fc.weight[1]",
    }


def test_ones_beside_channels_stay() -> None:
    space = checked(image_net(lambda s, h: torch.cat([h, h.new_ones(2, 3, 8, 8)], 1), 11), IMAGE)
    assert sizes(space) == BOTH
    assert reason(space, "b.weight[1]") == "reads a constant"


def test_constants_alone_stay() -> None:
    space = checked(token_net(lambda s, h: h + s.b(h.new_ones(4)), b=nn.Linear(4, 8)), TOKENS)
    assert sizes(space) == {"a": 8}
    assert reason(space, "b.weight[1]") == "reads a constant"
