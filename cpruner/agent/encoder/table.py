"""One feature per step of the episode: the observation is not looked at.

Axis letters: N episodes, T steps, B steps of all episodes together, F features.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from cpruner.agent.sequences import Sequences
from cpruner.spec import check


@final
@dataclass(frozen=True)
class Table:
    """The number of the step, one-hot: behind it every step has parameters of its own (open loop, as in DECORE)."""

    def __post_init__(self) -> None:
        check(self)

    def build(self, observation_size: int, horizon: int, generator: torch.Generator) -> "TableEncoder":
        """Make the module; it has no weights."""
        del observation_size, generator
        return TableEncoder(horizon)


@final
class TableEncoder(nn.Module):
    """Module of :class:`Table`."""

    remembers = True  # a step is known by how many came before it

    def __init__(self, horizon: int) -> None:
        super().__init__()
        self.size = horizon

    def forward(self, seen: Sequences) -> Tensor:
        """Features, shape (B, F); steps after the horizon share the last row."""
        episodes, steps, _ = seen.padded_NTO.shape
        step_T = torch.arange(steps).clamp(max=self.size - 1)
        row_TF = nn.functional.one_hot(step_T, self.size).to(seen.padded_NTO.dtype)
        return seen.flat(row_TF.expand(episodes, steps, self.size))
