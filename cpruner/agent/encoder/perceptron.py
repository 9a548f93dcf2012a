"""Every step by itself, through a multilayer perceptron.

Axis letters: B steps, O observation, F features.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from cpruner.agent.network import mlp
from cpruner.agent.sequences import Sequences
from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Perceptron:
    """Hidden layers with tanh; with none, the observation itself is the features."""

    hidden: list[int] = option([32, 32], "Widths of the hidden layers.")
    gain: float = option(4.0, "Gain of the first layer; large tells neighbouring steps apart at once.", low=0.0)

    def __post_init__(self) -> None:
        check(self)
        if not all(width >= 1 for width in self.hidden):
            raise InputError(
                "Perceptron.hidden",
                expected="positive widths",
                got=repr(self.hidden),
                remedy="[] takes the observation as it is.",
            )

    def build(self, observation_size: int, horizon: int, generator: torch.Generator) -> "PerceptronEncoder":
        """Make the module."""
        del horizon
        return PerceptronEncoder(self, observation_size, generator)


@final
class PerceptronEncoder(nn.Module):
    """Module of :class:`Perceptron`."""

    remembers = False

    def __init__(self, spec: Perceptron, observation_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.size = spec.hidden[-1] if spec.hidden else observation_size
        layers = [mlp([observation_size, *spec.hidden], generator, first_gain=spec.gain), nn.Tanh()]
        self.body = nn.Sequential(*layers) if spec.hidden else nn.Identity()

    def forward(self, seen: Sequences) -> Tensor:
        """Features, shape (B, F)."""
        feature_BF: Tensor = self.body(seen.flat_BO)
        return feature_BF
