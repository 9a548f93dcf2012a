"""Modules whose Python code states sizes, as people write them; none of it can run with fewer channels as it stands."""

from typing import Any

import torch
from function import Function
from torch import Tensor, nn
from torch.nn import functional


def tokens(batch: int = 2, length: int = 4, width: int = 5) -> Tensor:
    """(B, L, E) in float64, no two numbers alike."""
    numbers = torch.linspace(-1.3, 1.7, batch * length * width, dtype=torch.float64)
    return (7 * numbers).sin().reshape(batch, length, width)


def images(batch: int = 2, channels: int = 3, size: int = 8) -> Tensor:
    """(B, C, H, W) in float64, no two numbers alike."""
    numbers = torch.linspace(-1.3, 1.7, batch * channels * size * size, dtype=torch.float64)
    return (7 * numbers).sin().reshape(batch, channels, size, size)


def seeded(build: Any, *args: Any, **kwargs: Any) -> nn.Module:
    """A float64 network in eval mode with the same weights every time."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        model: nn.Module = build(*args, **kwargs)
    return model.double().eval()


def between(inner: nn.Module, width: int = 8, out: int | None = None) -> nn.Module:
    """Linear, a module on (B, L, width), linear."""
    return nn.Sequential(nn.Linear(5, width), inner, nn.Linear(width if out is None else out, 3))


def around(inner: nn.Module, inputs: int = 8, outputs: int = 8) -> nn.Module:
    """Convolution, a module on images, mean, linear."""
    return nn.Sequential(nn.Conv2d(3, inputs, 3), inner, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(outputs, 3))


class Packed(nn.Module):
    """Attention with one projection for queries, keys and values: view, permute, unbind, products written out."""

    def __init__(self, width: int = 8, heads: int = 2, dim: int = 4) -> None:
        super().__init__()
        self.heads, self.dim = heads, dim
        self.qkv, self.proj = nn.Linear(width, 3 * heads * dim), nn.Linear(heads * dim, width)

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        q, k, v = self.qkv(x).view(b, n, 3, self.heads, self.dim).permute(2, 0, 3, 1, 4).unbind(0)
        attention = (q @ k.transpose(-2, -1) * self.dim**-0.5).softmax(-1)
        return self.proj((attention @ v).transpose(1, 2).reshape(b, n, self.heads * self.dim))


class Chunked(nn.Module):
    """The same with ``chunk`` and torch's fused attention, whose scale comes from the size."""

    def __init__(self, width: int = 8, heads: int = 2, dim: int = 4) -> None:
        super().__init__()
        self.heads, self.dim = heads, dim
        self.qkv, self.proj = nn.Linear(width, 3 * heads * dim), nn.Linear(heads * dim, width)

    def forward(self, x: Tensor) -> Tensor:
        b, n, _ = x.shape
        split = (part.view(b, n, self.heads, self.dim).transpose(1, 2) for part in self.qkv(x).chunk(3, -1))
        mixed = functional.scaled_dot_product_attention(*split)
        return self.proj(mixed.transpose(1, 2).reshape(b, n, self.heads * self.dim))


class ShuffleBlock(nn.Module):
    """A channel shuffle written between convolutions of the same module."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.deep, self.b = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        n, c, h, w = x.shape
        return self.b(self.deep(x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)))


class ClassToken(nn.Module):
    """A learned token in front of all others, and an embedding of places."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Linear(5, 8), nn.Linear(8, 3)
        self.token, self.places = (
            nn.Parameter(torch.linspace(-1, 1, 8).reshape(1, 1, 8)),
            nn.Parameter(torch.linspace(-0.3, 0.4, 40).reshape(1, 5, 8)),
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        left, right = x.relu().chunk(2, -1)
        return self.head(torch.cat([right, left], -1)[:, 0])


def twice() -> nn.Module:
    """A module that runs twice, on tensors of different shapes."""

    def shuffle(self: Any, x: Tensor) -> Tensor:
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    return Function(
        lambda s, x: s.fc(s.move(s.b(s.move(s.a(x)))).mean((2, 3))),
        a=nn.Conv2d(3, 8, 1), move=Function(shuffle), b=nn.Conv2d(8, 6, 3, stride=2), fc=nn.Linear(6, 3),
    )  # fmt: skip
