"""Ways to mix channels and positions that are neither convolution nor attention, as small modules."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional


@final
class ShuffleUnit(nn.Module):
    """Half of the channels pass, half are convolved, both are dealt out in turn (Ma et al. 2018, figure 3c)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        half = channels // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, padding=1, groups=half, bias=False),
            nn.Conv2d(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """As many channels as before."""
        left, right = x.chunk(2, 1)
        joined = torch.cat([left, self.branch(right)], 1)
        batch, channels, height, width = joined.shape
        return (
            joined.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(batch, channels, height, width)
        )


@final
class Mixer(nn.Module):
    """Two small networks in turn, one along the tokens and one along the channels (Tolstikhin et al. 2021)."""

    def __init__(self, tokens: int, channels: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(channels), nn.LayerNorm(channels)
        self.along = nn.Sequential(nn.Linear(tokens, 7), nn.GELU(), nn.Linear(7, tokens))
        self.across = nn.Sequential(nn.Linear(channels, 9), nn.GELU(), nn.Linear(9, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(B, N, C) to the same shape."""
        x = x + self.along(self.before(x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.across(self.between(x))
        return out


@final
class Swish(nn.Module):
    """A feed-forward layer with a gate, both from one projection (Shazeer 2020)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.both, self.out = nn.Linear(channels, 2 * inner), nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``out(silu(gate) * value)``."""
        gate, value = self.both(x).chunk(2, -1)
        out: Tensor = self.out(functional.silu(gate) * value)
        return out
