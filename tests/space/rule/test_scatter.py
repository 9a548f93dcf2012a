from typing import Any

import pytest
import torch
from spaces import TOKENS, checked, members, programs, reason, seeded, sizes, token_net
from torch import Tensor, nn

PLACES = torch.tensor([0, 2, 2, 1, 0])
ALL = {"a.weight[0]", "a.bias[0]", "fc.weight[1]"}


def wide(h: Tensor) -> Tensor:
    """The places for every channel."""
    return PLACES[None, :, None].expand(len(h), -1, h.shape[2])


@pytest.mark.parametrize(
    "write",
    [
        lambda h: torch.zeros_like(h).index_add(1, PLACES, h),
        lambda h: torch.zeros_like(h).index_add_(1, PLACES, h, alpha=2),
        lambda h: torch.zeros(len(h), 3, h.shape[2], dtype=h.dtype).index_add_(1, PLACES, h),
        lambda h: h.relu().index_copy(1, PLACES[:2], h[:, 3:]),
        lambda h: h.index_fill(1, PLACES[:2], 0.5),
        pytest.param(
            lambda h: h.index_reduce(1, PLACES, h.tanh(), "amax"),
            marks=pytest.mark.filterwarnings("ignore:index_reduce"),
        ),
        lambda h: torch.zeros_like(h).scatter_add(1, wide(h), h),
        lambda h: h.scatter(1, wide(h)[:, :3], 2.0),
        lambda h: torch.zeros_like(h).scatter(1, wide(h)[:, 1:2], h[:, :1]),
        lambda h: torch.zeros_like(h).scatter_reduce(1, wide(h), h, "mean", include_self=False),
        lambda h: h.index_put((torch.tensor([0, 1]), PLACES[:2]), h[:, 4]),
        lambda h: h.relu().index_put((PLACES[:2] % 2,), h[:1], accumulate=True),
    ],
)
def test_writing_to_positions_leaves_channels_alone(write: Any) -> None:
    space = checked(token_net(lambda s, h: write(h)), TOKENS)
    assert members(space, "a") == ALL
    assert programs(space) == set()


def test_an_assignment_at_places() -> None:
    def assigned(_: Any, h: Tensor) -> Tensor:
        copy = h.clone()
        copy[:, PLACES[:2]] = h[:, 3:].tanh()
        copy[copy[:, :, 0] != copy[:, :, 0]] = 0.0
        return copy

    assert members(checked(token_net(lambda s, h: assigned(s, s.b(h)), b=nn.Linear(8, 8)), TOKENS), "a") == {
        "a.weight[0]", "a.bias[0]", "b.weight[1]",
    }  # fmt: skip


@pytest.mark.parametrize(
    "write",
    [
        lambda h: h.index_add(2, torch.tensor([1, 1]), h[..., :2].tanh()),
        lambda h: h.index_fill(2, torch.tensor([1]), 0.0),
        lambda h: h.scatter(2, torch.zeros(2, 5, 1, dtype=torch.int64), 1.0),
        lambda h: h.index_put((torch.tensor([0]), torch.tensor([0]), torch.tensor([3])), h.new_ones(())),
    ],
)
def test_channels_that_an_index_writes_to_stay(write: Any) -> None:
    space = checked(token_net(lambda s, h: write(h)), TOKENS)
    assert sizes(space) == {}
    assert reason(space) == "places that an index writes to"


def test_numbers_of_a_stated_size_at_a_place_that_is_written_down() -> None:
    """A program makes both anew: the place, and as many ones as channels are left."""

    def first(_: Any, h: Tensor) -> Tensor:
        return h.tanh().index_put((torch.tensor([0]),), torch.ones(5, 8, dtype=h.dtype))

    space = checked(token_net(first), TOKENS)
    assert members(space, "a") == ALL
    assert programs(space) == {""}


def test_channels_that_are_written_follow_those_they_are_written_into() -> None:
    def add(s: Any, h: Tensor) -> Tensor:
        return s.b(h).index_add(1, PLACES, s.c(h))

    space = checked(token_net(add, b=nn.Linear(8, 8), c=nn.Linear(8, 8)), TOKENS)
    assert members(space, "b") == {"b.weight[0]", "b.bias[0]", "c.weight[0]", "c.bias[0]", "fc.weight[1]"}


def test_written_channels_that_meet_a_fixed_size_stay() -> None:
    space = checked(token_net(lambda s, h: s.t.index_add(1, PLACES, h), t=torch.ones(2, 5, 8).double()), TOKENS)
    assert sizes(space) == {"a": 8}  # a buffer shrinks as a parameter does
    space = checked(token_net(lambda s, h: TOKENS.repeat(1, 1, 2)[..., :8].index_add(1, PLACES, h)), TOKENS)
    assert sizes(space) == {}
    assert reason(space) == "places that an index writes to"


def test_messages_between_the_nodes_of_a_graph() -> None:
    """Sums over neighbours, then attention over them: heads and dimensions are free."""

    def attend(s: Any, x: Tensor) -> Tensor:
        h, edges = s.a(x).view(len(x), 2, 4), s.edges
        score = (h * s.left).sum(-1)[edges[0]] + (h * s.right).sum(-1)[edges[1]]
        score = torch.nn.functional.leaky_relu(score).exp()
        total = torch.zeros(len(x), 2, dtype=x.dtype).index_add_(0, edges[1], score)
        score = score / total[edges[1]]
        sums = torch.zeros_like(h).index_add_(0, edges[1], h[edges[0]] * score[..., None])
        return s.fc(sums.flatten(1))

    left, right = nn.Parameter(torch.ones(2, 4)), nn.Parameter(torch.ones(2, 4))
    edges = torch.tensor([[0, 1, 2, 3, 4, 0], [1, 2, 3, 4, 0, 2]])
    model = seeded(attend, a=nn.Linear(6, 8), fc=nn.Linear(8, 2), left=left, right=right, edges=edges)
    assert sizes(checked(model, TOKENS[0])) == {"a#1": 2, "a#2": 4}
