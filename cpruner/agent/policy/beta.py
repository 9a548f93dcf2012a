"""Beta actions: a density on [0, 1] itself.

Axis letters: B states, F features, A action components.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Beta as BetaDistribution

from cpruner.agent.network import linear
from cpruner.agent.policy.gaussian import SMALL
from cpruner.agent.policy.law import Identity, Law
from cpruner.errors import InputError
from cpruner.spec import check, option

_EDGE = 1e-6  # where the density may be infinite


@final
@dataclass(frozen=True)
class Beta:
    """pi(a | o) = Beta(c m, c (1 - m)) (Chou, Maturana and Scherer 2017), m the mean and c the concentration.

    Both depend on the state: m = sigmoid(f(o) + logit(initial_mean)), log c = h(o) + a constant that gives
    ``initial_std``, as variance = m (1 - m) / (c + 1). The schedule lets the constant grow.
    """

    initial_mean: float = option(0.7, "Mean action of every step before learning.", low=0.001, high=0.999)
    initial_std: float = option(0.2, "Standard deviation before learning.", low=1e-4, high=0.5)
    std_decay: float = option(0.98, "Factor on the standard deviation after every update.", low=0.01, high=1.0)
    std_floor: float = option(0.04, "Where the schedule ends.", low=1e-4, high=0.5)

    def __post_init__(self) -> None:
        check(self)
        largest = math.sqrt(self.initial_mean * (1.0 - self.initial_mean))
        if self.initial_std >= largest:
            raise InputError(
                "Beta.initial_std",
                expected=f"less than sqrt(mean (1 - mean)) = {largest:.3g}",
                got=self.initial_std,
                remedy="No density on [0, 1] is wider: lower it.",
            )

    def build(self, features: int, action_size: int, generator: torch.Generator) -> "BetaHead":
        """Make the module."""
        return BetaHead(self, features, action_size, generator)

    def log_concentration(self, std: float) -> float:
        """Of the density with the initial mean and this standard deviation."""
        return math.log(self.initial_mean * (1.0 - self.initial_mean) / std**2 - 1.0)


@final
class BetaHead(nn.Module):
    """Module of :class:`Beta`."""

    log_concentration: Tensor

    def __init__(self, spec: Beta, features: int, action_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self._spec = spec
        self.body = linear(features, 2 * action_size, SMALL, generator)
        self._bias = math.log(spec.initial_mean / (1.0 - spec.initial_mean))
        start = torch.tensor(spec.log_concentration(spec.initial_std), dtype=torch.float64)
        self.register_buffer("log_concentration", start)

    def forward(self, feature_BF: Tensor) -> Law:
        """The law in every state."""
        odds_BA, spread_BA = self.body(feature_BF).chunk(2, dim=-1)
        mean_BA = torch.sigmoid(odds_BA + self._bias)
        concentration_BA = (spread_BA + self.log_concentration).exp()
        law = BetaDistribution(concentration_BA * mean_BA, concentration_BA * (1.0 - mean_BA), validate_args=False)
        return Law(law, mean_BA, Identity(_EDGE))

    @torch.no_grad()
    def restart(self, share: float) -> None:
        """Set the standard deviation at the initial mean to a share of the initial one, but not below the floor."""
        spec = self._spec
        std = max(share * spec.initial_std, min(spec.std_floor, spec.initial_std))
        self.log_concentration.fill_(spec.log_concentration(std))

    @torch.no_grad()
    def anneal(self) -> None:
        """Let the standard deviation at the initial mean shrink by ``std_decay``, down to ``std_floor``."""
        spec = self._spec
        variance = spec.initial_mean * (1.0 - spec.initial_mean) / (float(self.log_concentration.exp()) + 1.0)
        std = max(math.sqrt(variance) * spec.std_decay, min(spec.std_floor, spec.initial_std))
        self.log_concentration.fill_(spec.log_concentration(std))
