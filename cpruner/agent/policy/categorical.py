"""One of several levels per action component.

Axis letters: B states, F features, A action components, L levels.
"""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Categorical as CategoricalDistribution

from cpruner.agent.network import linear
from cpruner.agent.policy.gaussian import SMALL
from cpruner.agent.policy.law import Law, Levels
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Categorical:
    """Levels 0, 1 / (L - 1), ..., 1, each with a probability of its own, softmax(f(o) + b).

    The biases b make the first probabilities those of a discrete Gaussian around ``initial_mean``.
    """

    levels: int = option(11, "Number of levels L.", low=2)
    initial_mean: float = option(0.7, "Level around which all steps start.", low=0.0, high=1.0)
    initial_std: float = option(0.25, "Spread around it before learning.", low=1e-3)

    def __post_init__(self) -> None:
        check(self)

    def build(self, features: int, action_size: int, generator: torch.Generator) -> "CategoricalHead":
        """Make the module."""
        return CategoricalHead(self, features, action_size, generator)


@final
class CategoricalHead(nn.Module):
    """Module of :class:`Categorical`."""

    bias_L: Tensor

    def __init__(self, spec: Categorical, features: int, action_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self.levels = spec.levels
        self.body = linear(features, action_size * spec.levels, SMALL, generator)
        level_L = torch.linspace(0.0, 1.0, spec.levels, dtype=torch.float64)
        self.register_buffer("bias_L", -0.5 * ((level_L - spec.initial_mean) / spec.initial_std) ** 2, persistent=False)

    def forward(self, feature_BF: Tensor) -> Law:
        """The law in every state; without exploration the likeliest level is taken."""
        logit_BAL = self.body(feature_BF).unflatten(-1, (-1, self.levels)) + self.bias_L
        law = CategoricalDistribution(logits=logit_BAL, validate_args=False)
        map_ = Levels(self.levels)
        return Law(law, map_.forward(logit_BAL.argmax(dim=-1)), map_)

    def anneal(self) -> None:
        """Nothing: how much is explored is learned."""

    def restart(self, share: float) -> None:
        """Nothing: how much is explored was learned."""
