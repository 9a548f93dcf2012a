from typing import Any

import pytest
import torch
from spaces import (
    IMAGE,
    TOKENS,
    attributes,
    checked,
    image_net,
    members,
    numbers,
    reason,
    seeded,
    sizes,
    token_net,
)
from torch import Tensor, nn
from torch.nn import functional

IDS = torch.tensor([[1, 2, 3], [0, 5, 7]])


@pytest.mark.parametrize("options", [{}, {"padding_idx": 0}])
def test_an_embedding_keeps_its_rows_and_loses_columns(options: dict[str, int]) -> None:
    model = seeded(
        lambda s, x: s.fc(s.e(x) + s.p(torch.arange(3))),
        e=nn.Embedding(10, 8, **options), p=nn.Embedding(3, 8), fc=nn.Linear(8, 2),
    )  # fmt: skip
    space = checked(model, torch.tensor([[1, 2, 3], [0, 5, 7]]))
    assert members(space, "e") == {"e.weight[1]", "p.weight[1]", "fc.weight[1]"}
    assert attributes(space)["e", "embedding_dim"] == attributes(space)["p", "embedding_dim"] == 8
    assert reason(space, "e.weight[0]") == "rows of a table that the input chooses from"


def test_an_embedding_shared_with_the_classifier() -> None:
    model = seeded(lambda s, x: s.b(s.e(x)).relu() @ s.e.weight.t(), e=nn.Embedding(10, 8), b=nn.Linear(8, 8))
    space = checked(model, torch.tensor([1, 2, 3]))
    assert members(space, "e") == {"e.weight[1]", "b.weight[0]", "b.weight[1]", "b.bias[0]"}


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_a_bag_of_embeddings(mode: str) -> None:
    model = seeded(lambda s, x: s.fc(s.e(x)), e=nn.EmbeddingBag(10, 8, mode=mode), fc=nn.Linear(8, 2))
    space = checked(model, IDS)
    assert members(space, "e") == {"e.weight[1]", "fc.weight[1]"}
    assert attributes(space)["e", "embedding_dim"] == 8


def test_an_embedding_that_rescales_its_rows_freezes() -> None:
    model = seeded(lambda s, x: s.fc(s.e(x)), e=nn.Embedding(10, 8, max_norm=1.0), fc=nn.Linear(8, 2))
    assert reason(checked(model, IDS), "e.weight[1]") == "op 'embedding_renorm' has no rule"


@pytest.mark.parametrize(
    "look", [lambda s, h: h[:, :, [0, 3]], lambda s, h: h[torch.tensor([1, 0])], lambda s, h: h[:, :, s.rows]]
)
def test_looking_up_positions_leaves_channels_alone(look: Any) -> None:
    space = checked(image_net(look, rows=torch.tensor([0, 1, 7])), IMAGE)
    assert sizes(space) == {"a": 8, "b": 4}


@pytest.mark.parametrize(
    "look",
    [
        lambda s, h: h[:, [0, 3, 5]],
        lambda s, h: h[:, s.order],
        lambda s, h: h[torch.ones(2, 8, dtype=torch.bool)].view(2, 8, 8, 8)[:, :3],
    ],
)
def test_looking_up_channels_freezes_them(look: Any) -> None:
    space = checked(image_net(look, 3, order=torch.tensor([3, 1, 2])), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space) == "places of a table that an index looks up"


def test_a_relative_position_bias_follows_the_heads() -> None:
    """The table is looked up along its rows; its columns are added to the scores of the heads."""
    order = (torch.arange(5)[:, None] - torch.arange(5)) + 4

    def attend(self: Any, x: Tensor) -> Tensor:
        query, key, value = (layer(x).unflatten(-1, (4, -1)).transpose(1, 2) for layer in (self.q, self.k, self.v))
        bias = self.table[self.order.view(-1)].view(5, 5, -1).permute(2, 0, 1)
        scores = (query @ key.transpose(-2, -1) + bias).softmax(-1)
        return self.fc((scores @ value).transpose(1, 2).flatten(2))

    parts = {"q": nn.Linear(6, 8), "k": nn.Linear(6, 8), "v": nn.Linear(6, 12), "fc": nn.Linear(12, 2)}
    space = checked(seeded(attend, table=nn.Parameter(torch.zeros(9, 4)), order=order, **parts), TOKENS)
    assert sizes(space) == {"q#1": 4, "q#2": 2, "v": 3}
    assert "table[1]" in members(space, "q#1")
    assert reason(space, "table[0]") == "places of a table that an index looks up"
    assert reason(space, "order[0]") == "places to look up, as many as the code asks for"


def test_gathering_positions_takes_the_same_of_every_channel() -> None:
    places = torch.tensor([[4, 0], [1, 1]])
    model = token_net(lambda s, h: h.gather(1, places[:, :, None].expand(-1, -1, h.shape[2])))
    assert sizes(checked(model, TOKENS)) == {"a": 8}


@pytest.mark.parametrize(
    ("places", "axis", "text"),
    [
        (torch.zeros(2, 8, 8, 1, dtype=torch.int64), 3, "places to look up"),
        (torch.zeros(2, 8, 8, 8, dtype=torch.int64), 1, "places of a table"),
        (torch.zeros(1, 5, 8, 8, dtype=torch.int64), 2, "places to look up"),
    ],
)
def test_gathering_at_places_for_a_stated_number_of_channels_freezes(places: Tensor, axis: int, text: str) -> None:
    space = checked(image_net(lambda s, h: h.gather(axis, places), places.shape[1]), IMAGE)
    assert sizes(space) == {"b": 4}
    assert reason(space).startswith(text)


def test_an_image_sampled_at_points() -> None:
    def turned(self: Any, h: Tensor) -> Tensor:
        grid = functional.affine_grid(self.turn.expand(2, 2, 3), (2, 8, 4, 4), align_corners=False)
        return functional.grid_sample(h, grid, align_corners=False)

    turn = torch.tensor([[[0.9, -0.2, 0.1], [0.2, 0.8, 0.0]]])
    assert sizes(checked(image_net(turned, turn=turn), IMAGE)) == {"a": 8, "b": 4}


def test_a_volume_sampled_at_points() -> None:
    grid = numbers(2, 3, 3, 3, 3).tanh()
    model = seeded(
        lambda s, x: s.fc(functional.grid_sample(s.a(x), grid, align_corners=True).mean((2, 3, 4))),
        a=nn.Conv3d(1, 6, 1), fc=nn.Linear(6, 2),
    )  # fmt: skip
    assert sizes(checked(model, numbers(2, 1, 4, 4, 4))) == {"a": 6}


def test_points_that_are_channels_stay() -> None:
    """A deformation predicted by a convolution: two channels per position are coordinates."""

    def bent(self: Any, h: Tensor) -> Tensor:
        return functional.grid_sample(h, self.offset(h).permute(0, 2, 3, 1).tanh(), align_corners=False)

    space = checked(image_net(bent, offset=nn.Conv2d(8, 2, 1)), IMAGE)
    assert sizes(space) == {"a": 8, "b": 4}
    assert reason(space, "offset.weight[0]") == "places to look up, as many as the code asks for"


@pytest.mark.parametrize("dims", [2, 3])
def test_unpooling_puts_every_channel_back(dims: int) -> None:
    conv, pool = (nn.Conv2d, functional.max_pool2d) if dims == 2 else (nn.Conv3d, functional.max_pool3d)
    unpool = functional.max_unpool2d if dims == 2 else functional.max_unpool3d

    def forward(self: Any, x: Tensor) -> Tensor:
        pooled, places = pool(self.a(x), 2, return_indices=True)
        return self.fc(unpool(self.b(pooled).tanh(), places, 2).flatten(2).sum(2))

    model = seeded(forward, a=conv(3, 6, 1), b=conv(6, 6, 1), fc=nn.Linear(6, 2))
    space = checked(model, numbers(2, 3, *(4,) * dims))
    assert sizes(space) == {"a": 6}
    assert {"a.weight[0]", "b.weight[0]", "b.weight[1]", "fc.weight[1]"} <= members(space, "a")
