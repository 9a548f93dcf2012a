"""Causal self-attention over the steps of an episode.

Axis letters: N episodes, T steps, B steps of all episodes together, O observation, F features, H heads.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from cpruner.agent.network import linear
from cpruner.agent.sequences import Sequences
from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Attention:
    """One pre-norm block: attention to the steps so far, then a perceptron, both added (Vaswani et al. 2017)."""

    width: int = option(32, "Width of the features.", low=1)
    heads: int = option(4, "Attention heads; divides the width.", low=1)
    gain: float = option(1.0, "Gain of the layer that reads the observation.", low=0.0)

    def __post_init__(self) -> None:
        check(self)
        if self.width % self.heads:
            raise InputError(
                "Attention.heads",
                expected=f"a divisor of the width {self.width}",
                got=self.heads,
                remedy="Change one of the two.",
            )

    def build(self, observation_size: int, horizon: int, generator: torch.Generator) -> "AttentionEncoder":
        """Make the module; where a step is must be told by its observation."""
        del horizon
        return AttentionEncoder(self, observation_size, generator)


@final
class AttentionEncoder(nn.Module):
    """Module of :class:`Attention`."""

    remembers = True

    def __init__(self, spec: Attention, observation_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.size, self.heads = spec.width, spec.heads
        width = spec.width
        self.enter = linear(observation_size, width, spec.gain, generator)
        self.normal = nn.ModuleList(nn.LayerNorm(width, dtype=torch.float64) for _ in range(2))
        self.ask = linear(width, 3 * width, 1.0, generator)
        self.answer = linear(width, width, 1.0, generator)
        self.widen = linear(width, 2 * width, 1.0, generator)
        self.narrow = linear(2 * width, width, 1.0, generator)

    def forward(self, seen: Sequences) -> Tensor:
        """Features, shape (B, F); what follows the end of an episode is only seen by what is thrown away."""
        x_NTF = self.enter(seen.padded_NTO)
        asked_NTHX = self.ask(self.normal[0](x_NTF)).unflatten(-1, (self.heads, -1))
        query, key, value = asked_NTHX.transpose(1, 2).chunk(3, dim=-1)
        heard_NTF = scaled_dot_product_attention(query, key, value, is_causal=True).transpose(1, 2).flatten(2)
        x_NTF = x_NTF + self.answer(heard_NTF)
        x_NTF = x_NTF + self.narrow(torch.tanh(self.widen(self.normal[1](x_NTF))))
        return seen.flat(torch.tanh(x_NTF))
