"""Attention as networks have it: shared heads, rotary embeddings, torch's own modules."""

from typing import Any

import pytest
import torch
from attention_nets import attention, heads, sdpa
from spaces import TOKENS, attributes, checked, members, numbers, programs, seeded, sizes, units
from torch import Tensor, nn


@pytest.mark.parametrize("way", ["interleave", "expand"])
def test_two_heads_of_queries_share_one_of_keys(way: str) -> None:
    """Grouped queries, with keys and values repeated: a head of keys goes with both its heads of queries."""

    def repeated(tensor: Tensor) -> Tensor:
        if way == "interleave":
            return tensor.repeat_interleave(2, 1)
        batch, count, length, size = tensor.shape
        return tensor[:, :, None].expand(batch, count, 2, length, size).reshape(batch, 2 * count, length, size)

    space = checked(grouped(lambda q, k, v: sdpa(q, repeated(k), repeated(v))), TOKENS)
    assert sizes(space) == {"q#1": 2, "q#2": 4, "v": 4}
    assert units(space, "q.weight", 0) == [(0,) * 8 + (1,) * 8, (2, 3, 4, 5) * 4]
    assert units(space, "k.weight", 0) == [(0,) * 4 + (1,) * 4, (2, 3, 4, 5) * 2]


def grouped(function: Any, shared: int = 2) -> nn.Module:
    """Four heads of queries, ``shared`` heads of keys and values, four dimensions each."""

    def forward(self: Any, x: Tensor) -> Tensor:
        query, key, value = heads(self.q(x), 4), heads(self.k(x), shared), heads(self.v(x), shared)
        return self.o(function(query, key, value).transpose(1, 2).flatten(2))

    layers = {"k": nn.Linear(6, 4 * shared), "v": nn.Linear(6, 4 * shared), "o": nn.Linear(16, 2)}
    return seeded(forward, q=nn.Linear(6, 16), **layers)


@pytest.mark.parametrize(
    "function",
    [
        lambda q, k, v: sdpa(q, k.expand(-1, 4, -1, -1), v.expand(-1, 4, -1, -1)),
        lambda q, k, v: (q @ k.transpose(-2, -1)).softmax(-1) @ v,
    ],
)
def test_all_heads_of_queries_share_one_of_keys(function: Any) -> None:
    space = checked(grouped(function, 1), TOKENS)
    assert sizes(space) == {"q#1": 4, "q#2": 4, "v": 4}
    heads_alone = {"q.weight[0]", "q.bias[0]", "o.weight[1]"}
    assert heads_alone in (members(space, "q#1"), members(space, "q#2"))


def test_grouped_queries_inside_the_fused_op() -> None:
    space = checked(grouped(lambda q, k, v: sdpa(q, k, v, enable_gqa=True)), TOKENS)
    assert sizes(space) == {"q#1": 2, "q#2": 4, "v": 4}


def halves(t: Tensor) -> Tensor:
    left, right = t.chunk(2, -1)
    return torch.cat([-right, left], -1)


def angles(t: Tensor) -> Tensor:
    length, size = t.shape[-2:]
    rate = 100.0 ** (-torch.arange(0, size, 2, dtype=t.dtype) / size)
    return torch.arange(length, dtype=t.dtype)[:, None] * rate


def by_halves(t: Tensor) -> Tensor:
    angle = torch.cat([angles(t)] * 2, -1)
    return t * angle.cos() + halves(t) * angle.sin()


def by_pairs(t: Tensor) -> Tensor:
    even, odd, angle = t[..., 0::2], t[..., 1::2], angles(t)
    return torch.stack([even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()], -1).flatten(-2)


def by_numbers(t: Tensor) -> Tensor:
    angle = angles(t)
    turned = torch.view_as_complex(t.reshape(*t.shape[:-1], -1, 2)) * torch.polar(torch.ones_like(angle), angle)
    return torch.view_as_real(turned).flatten(3)


@pytest.mark.parametrize("turn", [by_halves, by_pairs, by_numbers])
def test_rotary_embeddings_computed_on_the_way_keep_their_dimensions(turn: Any) -> None:
    """The angles are made anew for a stated number of dimensions; heads and values are free."""
    space = checked(attention(lambda s, q, k, v: sdpa(turn(q), turn(k), v), value=8), TOKENS)
    assert sizes(space) == {"q": 2, "v": 4}


def test_rotary_embeddings_in_buffers_lose_pairs() -> None:
    """Dimension i turns into dimension i + 2, so both go together, with their columns of sine and cosine."""
    angle = torch.cat([torch.arange(5.0)[:, None] * torch.tensor([1.0, 0.1])] * 2, -1)

    def turned(self: Any, t: Tensor) -> Tensor:
        return t * self.cos + halves(t) * self.sin

    model = attention(lambda s, q, k, v: sdpa(turned(s, q), turned(s, k), v), value=8, cos=angle.cos(), sin=angle.sin())
    space = checked(model, TOKENS)
    assert sizes(space) == {"q#1": 2, "q#2": 2, "v": 4}
    assert {"cos[1]", "sin[1]"} <= members(space, "q#1") | members(space, "q#2")
    assert units(space, "cos", 1)[0][:2] == units(space, "cos", 1)[0][2:]


@pytest.mark.parametrize(
    "options",
    [{}, {"bias": False}, {"add_bias_kv": True}, {"batch_first": False}, {"dropout": 0.5}],
    ids=lambda options: str(*options),
)
@pytest.mark.parametrize("weights", [False, True])
def test_torch_s_own_module(options: dict[str, Any], weights: bool) -> None:
    module = nn.MultiheadAttention(8, 2, **{"batch_first": True, **options})
    model = seeded(
        lambda s, x: s.o(s.m(*[s.a(x)] * 3, need_weights=weights)[0]), a=nn.Linear(6, 8), m=module, o=nn.Linear(8, 2)
    )
    space = checked(model, TOKENS)
    assert sizes(space) == {"a": 8, "m#1": 2, "m#2": 4, "m#3": 4, "m.out_proj": 8}
    assert programs(space) == {"m"}


def test_torch_s_own_module_on_other_tokens_under_a_mask() -> None:
    module = nn.MultiheadAttention(8, 2, kdim=5, vdim=5, batch_first=True)

    def forward(self: Any, x: Tensor, y: Tensor) -> Tensor:
        mask = torch.ones(5, 7, dtype=torch.bool).triu(4)
        return self.o(self.m(self.a(x), self.b(y), self.b(y), attn_mask=mask, need_weights=False)[0])

    model = seeded(forward, a=nn.Linear(6, 8), b=nn.Linear(4, 5), m=module, o=nn.Linear(8, 2))
    space = checked(model, TOKENS, numbers(2, 7, 4))
    assert sizes(space) == {"a": 8, "b": 5, "m#1": 2, "m#2": 4, "m#3": 4, "m.out_proj": 8}


def test_an_added_zero_is_split_among_the_heads_that_are_left() -> None:
    module = nn.MultiheadAttention(8, 2, add_zero_attn=True, batch_first=True)
    model = seeded(lambda s, x: s.o(s.m(*[s.a(x)] * 3)[0]), a=nn.Linear(6, 8), m=module, o=nn.Linear(8, 2))
    space = checked(model, TOKENS)
    assert sizes(space) == {"a": 8, "m#1": 2, "m#2": 4, "m#3": 4, "m.out_proj": 8}


@pytest.mark.parametrize("norm_first", [False, True])
def test_torch_s_own_encoder_layer(norm_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=norm_first)
    space = checked(seeded(lambda s, x: s.o(s.e(s.a(x))), a=nn.Linear(6, 8), e=layer, o=nn.Linear(8, 2)), TOKENS)
    attended = {"e.self_attn#1": 2, "e.self_attn#2": 4, "e.self_attn#3": 4}
    assert sizes(space) == {"a": 8, **attended, "e.linear1": 12}
    assert attributes(space)["e.norm1", "normalized_shape"] == 8


def test_torch_s_own_decoder_layer() -> None:
    layer = nn.TransformerDecoderLayer(8, 2, 12, batch_first=True)
    model = seeded(lambda s, x, y: s.o(s.d(s.a(x), s.a(y))), a=nn.Linear(6, 8), d=layer, o=nn.Linear(8, 2))
    space = checked(model, TOKENS, numbers(2, 7, 6))
    both = {f"d.{name}#{i}": n for name in ("self_attn", "multihead_attn") for i, n in ((1, 2), (2, 4), (3, 4))}
    assert sizes(space) == {"a": 8, **both, "d.linear1": 12}
