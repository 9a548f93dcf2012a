"""A gated recurrent unit over the steps of an episode.

Axis letters: N episodes, T steps, B steps of all episodes together, O observation, F features.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from cpruner.agent.network import orthogonal
from cpruner.agent.sequences import Sequences
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Recurrent:
    """One GRU (Cho et al. 2014) whose state is carried from step to step."""

    width: int = option(32, "Width of the state.", low=1)
    gain: float = option(1.0, "Gain of the weights that read the observation.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, observation_size: int, horizon: int, generator: torch.Generator) -> "RecurrentEncoder":
        """Make the module."""
        del horizon
        return RecurrentEncoder(self, observation_size, generator)


@final
class RecurrentEncoder(nn.Module):
    """Module of :class:`Recurrent`."""

    remembers = True

    def __init__(self, spec: Recurrent, observation_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.size = spec.width
        with torch.random.fork_rng(devices=[]):  # what it draws is overwritten
            self.body = nn.GRU(observation_size, spec.width, batch_first=True, dtype=torch.float64)
        weights = dict(self.body.named_parameters())
        orthogonal(weights["weight_ih_l0"], spec.gain, generator)
        orthogonal(weights["weight_hh_l0"], 1.0, generator)
        nn.init.zeros_(weights["bias_ih_l0"])
        nn.init.zeros_(weights["bias_hh_l0"])

    def forward(self, seen: Sequences) -> Tensor:
        """Features, shape (B, F)."""
        state_NTF, _ = self.body(seen.padded_NTO)
        return seen.flat(state_NTF)
