from typing import Any

import pytest
import torch
from attention_nets import attention, sdpa
from spaces import TOKENS, checked, members, numbers, programs, reason, seeded, sizes, units
from torch import Tensor, nn


def by_hand(_: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return (query @ key.transpose(-2, -1) * 0.5).softmax(-1) @ value


def lower() -> Tensor:
    return torch.ones(5, 5, dtype=torch.bool).tril()


@pytest.mark.parametrize(
    "function",
    [
        by_hand,
        lambda s, q, k, v: sdpa(q, k, v),
        lambda s, q, k, v: sdpa(q, k, v, scale=0.3),
        lambda s, q, k, v: sdpa(q, k, v, is_causal=True),
        lambda s, q, k, v: sdpa(q, k, v, attn_mask=lower()),
        lambda s, q, k, v: sdpa(q, k, v, attn_mask=torch.zeros(5, 5, dtype=q.dtype)),
        lambda s, q, k, v: sdpa(q, k, v, attn_mask=torch.ones(2, 1, 5, 5, dtype=torch.bool), scale=0.3),
        lambda s, q, k, v: sdpa(q, k, v, attn_mask=s.mask),
        lambda s, q, k, v: sdpa(q, k, v, dropout_p=0.0) + v,
    ],
)
def test_heads_dimensions_and_values(function: Any) -> None:
    """Two heads; queries and keys have four dimensions each, values six."""
    space = checked(attention(function, mask=torch.zeros(5, 5)), TOKENS)
    assert sizes(space) == {"q#1": 2, "q#2": 4, "v": 6}
    assert members(space, "q#1") == {
        *("q.weight[0]", "q.bias[0]", "k.weight[0]", "k.bias[0]", "v.weight[0]", "v.bias[0]", "o.weight[1]")
    }
    assert members(space, "q#2") == {"q.weight[0]", "q.bias[0]", "k.weight[0]", "k.bias[0]"}
    assert units(space, "q.weight", 0) == [(0,) * 4 + (1,) * 4, (2, 3, 4, 5) * 2]


def test_values_as_wide_as_queries() -> None:
    """Equal widths take torch's fused kernel."""
    space = checked(attention(lambda s, q, k, v: sdpa(q, k, v), value=8), TOKENS)
    assert sizes(space) == {"q#1": 2, "q#2": 4, "v": 4}
    assert programs(space) == {""}


def test_a_batch_of_one() -> None:
    space = checked(attention(lambda s, q, k, v: sdpa(q, k, v), value=8), TOKENS[:1])
    assert sizes(space) == {"q#1": 2, "q#2": 4, "v": 4}


@pytest.mark.parametrize("count", [1, 8])
def test_one_head_and_heads_of_one_dimension(count: int) -> None:
    space = checked(attention(lambda s, q, k, v: sdpa(q, k, v), count, value=8), TOKENS)
    assert sizes(space) == ({"q": 8, "v": 8} if count == 1 else {"q": 8})


@pytest.mark.parametrize("scale", [None, 0.4])
@pytest.mark.parametrize("shape", [(2, 5, 6), (5, 6)])
def test_attention_without_heads(shape: tuple[int, ...], scale: float | None) -> None:
    """Without a scale torch takes it from the size, which only a program can keep as it was."""
    layers = {"q": nn.Linear(6, 8), "k": nn.Linear(6, 8), "v": nn.Linear(6, 8), "o": nn.Linear(8, 2)}
    model = seeded(lambda s, x: s.o(sdpa(s.q(x), s.k(x), s.v(x), scale=scale)), **layers)
    space = checked(model, numbers(*shape))
    assert sizes(space) == {"q": 8, "v": 8}
    assert programs(space) == ({""} if scale is None else set())


def test_attention_to_another_sequence() -> None:
    layers = {"q": nn.Linear(6, 8), "k": nn.Linear(4, 8), "v": nn.Linear(4, 5), "o": nn.Linear(5, 2)}
    model = seeded(lambda s, x, y: s.o(sdpa(s.q(x), s.k(y), s.v(y))), **layers)
    assert sizes(checked(model, TOKENS, numbers(2, 7, 4))) == {"q": 8, "v": 5}


def test_a_mask_per_head_keeps_the_heads_or_goes_with_them() -> None:
    function = lambda s, q, k, v: sdpa(q, k, v, attn_mask=s.mask)  # noqa: E731
    inside = checked(attention(function, value=8, mask=nn.Parameter(torch.zeros(1, 2, 5, 5))), TOKENS)
    assert sizes(inside) == {"q#1": 2, "q#2": 4, "v": 4}
    assert "mask[1]" in members(inside, "q#1")
    assert reason(inside, "mask[2]") in (
        "attention mixes this axis",
        "combined element-wise with a tensor of fixed size",
    )

    def made(_: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return sdpa(query, key, value, attn_mask=torch.arange(50, dtype=query.dtype).view(1, 2, 5, 5))

    assert sizes(checked(attention(made, value=8), TOKENS)) == {"q": 4, "v": 4}


def test_a_mask_for_every_position() -> None:
    """A mask that is expanded to all heads follows them."""

    def masked(_: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return sdpa(query, key, value, attn_mask=lower().expand(2, query.shape[1], 5, 5))

    assert sizes(checked(attention(masked, value=8), TOKENS)) == {"q#1": 2, "q#2": 4, "v": 4}


def test_a_mask_that_no_module_owns_is_nothing_a_program_can_hold() -> None:
    mask = lower()
    space = checked(attention(lambda s, q, k, v: sdpa(q, k, v, attn_mask=mask)), TOKENS)
    assert sizes(space) == {}
    assert "which cannot be rewritten: it uses a tensor that was made elsewhere" in reason(space, "q.weight[0]")


def test_tokens_that_are_channels_stay() -> None:
    layers = {"a": nn.Linear(5, 7), "o": nn.Linear(6, 2)}

    def forward(self: Any, x: Tensor) -> Tensor:
        tokens = self.a(x.transpose(1, 2)).transpose(1, 2)
        return self.o(sdpa(tokens, tokens, tokens))

    assert "mixes this axis" in reason(checked(seeded(forward, **layers), TOKENS))
