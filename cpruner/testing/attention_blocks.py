"""Attention in the forms that networks have it, as small modules: what ``token_nets.py`` is made of."""

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional


def heads(tokens: Tensor, count: int) -> Tensor:
    """(B, N, H D) -> (B, H, N, D)."""
    split: Tensor = tokens.unflatten(-1, (count, -1)).transpose(1, 2)
    return split


@final
class Attention(nn.Module):
    """Queries, keys and values from one packed projection, as in timm; the fused op or its parts."""

    def __init__(self, channels: int, count: int, *, fused: bool = True) -> None:
        super().__init__()
        self.count, self.fused = count, fused
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``proj(softmax(q k' / sqrt(d)) v)``."""
        batch, length, channels = x.shape
        size = channels // self.count
        query, key, value = self.qkv(x).reshape(batch, length, 3, self.count, size).permute(2, 0, 3, 1, 4).unbind(0)
        if self.fused:
            mixed = functional.scaled_dot_product_attention(query, key, value)
        else:
            mixed = (query * size**-0.5 @ key.transpose(-2, -1)).softmax(-1) @ value
        out: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, length, channels))
        return out


@final
class SelfAttention(nn.Module):
    """Torch's own module, attending to its input."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(channels, count, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        """The attended tokens without the weights."""
        out: Tensor = self.inner(x, x, x, need_weights=False)[0]
        return out


@final
class Windows(nn.Module):
    """Attention inside windows of a shifted image, with a bias per head and relative position (Liu et al. 2021)."""

    relative: Tensor

    def __init__(self, channels: int, count: int, side: int) -> None:
        super().__init__()
        self.count, self.side = count, side
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.table = nn.Parameter(nn.init.normal_(torch.empty((2 * side - 1) ** 2, count)))
        place = torch.cartesian_prod(torch.arange(side), torch.arange(side))
        offset = place[:, None] - place[None] + side - 1
        self.register_buffer("relative", offset[..., 0] * (2 * side - 1) + offset[..., 1])

    def forward(self, x: Tensor) -> Tensor:
        """(B, H, W, C) to the same shape; H and W are multiples of the side."""
        batch, height, width, channels = x.shape
        side, area, rows, columns = self.side, self.side**2, height // self.side, width // self.side
        windows = x.roll((-1, -1), (1, 2)).view(batch, rows, side, columns, side, channels).transpose(2, 3)
        tokens = windows.reshape(batch * rows * columns, area, channels)
        query, key, value = (heads(part, self.count) for part in self.qkv(tokens).chunk(3, -1))
        bias = self.table[self.relative].permute(2, 0, 1)
        mixed = (query * (channels // self.count) ** -0.5 @ key.transpose(-2, -1) + bias).softmax(-1) @ value
        mixed = self.proj(mixed.transpose(1, 2).flatten(2)).view(batch, rows, columns, side, side, channels)
        out: Tensor = mixed.transpose(2, 3).reshape(batch, height, width, channels).roll((1, 1), (1, 2))
        return out


@final
class SharedKeys(nn.Module):
    """Grouped queries: several heads of queries read one of keys and values (Ainslie et al. 2023)."""

    def __init__(self, channels: int, count: int, shared: int, size: int) -> None:
        super().__init__()
        self.count, self.shared = count, shared
        self.query, self.proj = nn.Linear(channels, count * size), nn.Linear(count * size, channels)
        self.key, self.value = nn.Linear(channels, shared * size), nn.Linear(channels, shared * size)

    def forward(self, x: Tensor) -> Tensor:
        """``proj(attention(q, repeat(k), repeat(v)))``."""
        query, key, value = (
            heads(self.query(x), self.count),
            heads(self.key(x), self.shared),
            heads(self.value(x), self.shared),
        )
        key, value = (part.repeat_interleave(self.count // self.shared, 1) for part in (key, value))
        mixed = functional.scaled_dot_product_attention(query, key, value)
        out: Tensor = self.proj(mixed.transpose(1, 2).flatten(2))
        return out


@final
class Residual(nn.Module):
    """``x + scale * inner(norm(x))``, the layer scale of Touvron et al. 2021."""

    def __init__(self, channels: int, inner: nn.Module, norm: Callable[[int], nn.Module] = nn.LayerNorm) -> None:
        super().__init__()
        self.norm, self.inner, self.scale = norm(channels), inner, nn.Parameter(nn.init.normal_(torch.empty(channels)))

    def forward(self, x: Tensor) -> Tensor:
        """Tokens of the same shape."""
        out: Tensor = x + self.scale * self.inner(self.norm(x))
        return out


@final
class Patches(nn.Module):
    """An image as tokens: patches, a class token ahead of them, a position embedding (Dosovitskiy et al. 2021)."""

    def __init__(self, channels: int, count: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, channels, 4, 4)
        self.first = nn.Parameter(nn.init.normal_(torch.empty(1, 1, channels)))
        self.place = nn.Parameter(nn.init.normal_(torch.empty(1, count + 1, channels)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, 1 + count, C)."""
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        out: Tensor = torch.cat([self.first.expand(x.shape[0], -1, -1), tokens], 1) + self.place
        return out


@final
class First(nn.Module):
    """The first token."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) -> (B, C)."""
        return x[:, 0]
