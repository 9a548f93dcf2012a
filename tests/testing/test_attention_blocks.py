import pytest
import torch
from torch import nn
from torch.nn import functional

from cpruner.testing.attention_blocks import (
    Attention,
    First,
    Patches,
    Residual,
    SelfAttention,
    SharedKeys,
    Windows,
    heads,
)

X = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(0))


def test_heads_are_split_off_the_channels() -> None:
    split = heads(X, 2)
    assert split.shape == (2, 2, 5, 4)
    assert torch.equal(split[:, 1], X[..., 4:])


@pytest.mark.parametrize("fused", [False, True])
def test_packed_attention_is_that_of_three_projections(fused: bool) -> None:
    module = Attention(8, 2, fused=fused)
    query, key, value = (heads(part, 2) for part in module.qkv(X).chunk(3, -1))
    mixed = (query @ key.transpose(-2, -1) / 2).softmax(-1) @ value
    assert torch.allclose(module(X), module.proj(mixed.transpose(1, 2).flatten(2)), atol=1e-6)


def test_self_attention_is_torch_s_own() -> None:
    module = SelfAttention(8, 2)
    assert torch.allclose(module(X), module.inner(X, X, X)[0], atol=1e-6)


def test_shared_keys_are_repeated_for_every_head_of_queries() -> None:
    module = SharedKeys(8, 4, 2, 3)
    key, value = (heads(layer(X), 2)[:, [0, 0, 1, 1]] for layer in (module.key, module.value))
    mixed = functional.scaled_dot_product_attention(heads(module.query(X), 4), key, value)
    assert torch.allclose(module(X), module.proj(mixed.transpose(1, 2).flatten(2)), atol=1e-6)


def test_windows_look_no_further_than_their_side() -> None:
    """Shifted by one, pixels 1 and 2 of a row share a window; pixels 0 and 3 share another."""
    module = Windows(8, 2, 2)
    x = torch.randn(1, 4, 4, 8, generator=torch.Generator().manual_seed(0))
    other = x.clone()
    other[0, 1, 1] += 1
    moved = (module(x) - module(other)).abs().sum(-1)[0] > 1e-6
    assert moved.nonzero().tolist() == [[1, 1], [1, 2], [2, 1], [2, 2]]


def test_the_bias_of_a_window_depends_on_the_offset_alone() -> None:
    relative = Windows(8, 2, 2).relative
    assert relative.shape == (4, 4)
    assert relative.diagonal().unique().tolist() == [4]
    assert relative[0, 1] == relative[2, 3]
    assert relative[0, 1] != relative[1, 0]


def test_a_residual_adds_what_it_scales() -> None:
    module = Residual(8, nn.Identity(), nn.RMSNorm)
    assert torch.allclose(module(X), X + module.scale * module.norm(X))


def test_patches_come_after_a_class_token() -> None:
    module = Patches(8, 4)
    images = torch.randn(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    tokens = module(images) - module.place
    assert torch.allclose(tokens[:, 0], module.first[0].expand(3, -1), atol=1e-6)
    assert torch.allclose(tokens[:, 1], module.patch(images)[:, :, 0, 0], atol=1e-6)
    assert torch.equal(First()(tokens), tokens[:, 0])
