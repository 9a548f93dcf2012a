"""Keep or remove, per action component.

Axis letters: B states, F features, A action components.
"""

import math
from dataclasses import dataclass
from typing import final

from torch import Generator, Tensor, nn
from torch.distributions import Bernoulli as BernoulliDistribution

from cpruner.agent.network import linear
from cpruner.agent.policy.gaussian import SMALL
from cpruner.agent.policy.law import Law, Levels
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Bernoulli:
    """0 or 1 per action component: a mask (Alwani et al. 2022, DECORE: with a table, one parameter per unit)."""

    initial_mean: float = option(0.7, "Probability of 1 before learning.", low=0.001, high=0.999)

    def __post_init__(self) -> None:
        check(self)

    def build(self, features: int, action_size: int, generator: Generator) -> "BernoulliHead":
        """Make the module."""
        return BernoulliHead(self, features, action_size, generator)


@final
class BernoulliHead(nn.Module):
    """Module of :class:`Bernoulli`."""

    def __init__(self, spec: Bernoulli, features: int, action_size: int, generator: Generator) -> None:
        super().__init__()
        self.body = linear(features, action_size, SMALL, generator)
        self._bias = math.log(spec.initial_mean / (1.0 - spec.initial_mean))

    def forward(self, feature_BF: Tensor) -> Law:
        """The law in every state; without exploration a unit is kept if that is the likelier."""
        logit_BA = self.body(feature_BF) + self._bias
        law = BernoulliDistribution(logits=logit_BA, validate_args=False)
        return Law(law, (logit_BA > 0.0).to(logit_BA.dtype), Levels(2))

    def anneal(self) -> None:
        """Nothing: how much is explored is learned."""

    def restart(self, share: float) -> None:
        """Nothing: how much is explored was learned."""
