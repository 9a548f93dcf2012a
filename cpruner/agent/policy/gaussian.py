"""Gaussian actions around a mean that is always legal.

Axis letters: B states, F features, A action components.
"""

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.distributions import Normal

from cpruner.agent.network import linear
from cpruner.agent.policy.law import Identity, Law
from cpruner.spec import check, option

SMALL = 0.01  # gain of a last layer: all states start nearly alike


@final
@dataclass(frozen=True)
class Gaussian:
    """pi(a | o) = N(sigmoid(f(o) + logit(initial_mean)), diag(std^2)).

    The mean passes through a sigmoid, so that it always is a legal action; the noise is added afterwards, in units of
    the action, so that its scale keeps its meaning near 0 and 1. The environment clips what falls outside. The
    probability is that of the unclipped action, which keeps the policy gradient exact.
    """

    initial_mean: float = option(0.7, "Mean action of every step before learning.", low=0.001, high=0.999)
    initial_std: float = option(0.2, "Standard deviation of the action before learning.", low=1e-4)
    learn_std: bool = option(False, "Learn the standard deviation by gradient, besides its schedule.")
    std_decay: float = option(0.98, "Factor on the standard deviation after every update.", low=0.01, high=1.0)
    std_floor: float = option(0.04, "Smallest standard deviation the schedule goes to.", low=1e-4)

    def __post_init__(self) -> None:
        check(self)

    def build(self, features: int, action_size: int, generator: torch.Generator) -> "GaussianHead":
        """Make the module."""
        return GaussianHead(self, features, action_size, generator)


@final
class GaussianHead(nn.Module):
    """Module of :class:`Gaussian`."""

    def __init__(self, spec: Gaussian, features: int, action_size: int, generator: torch.Generator) -> None:
        super().__init__()
        self._spec = spec
        self.body = linear(features, action_size, SMALL, generator)
        log_std_A = torch.full((action_size,), math.log(spec.initial_std), dtype=torch.float64)
        self.log_std_A = nn.Parameter(log_std_A, requires_grad=spec.learn_std)
        self._bias = math.log(spec.initial_mean / (1.0 - spec.initial_mean))

    def forward(self, feature_BF: Tensor) -> Law:
        """The law in every state."""
        mean_BA = torch.sigmoid(self.body(feature_BF) + self._bias)
        normal = Normal(mean_BA, self.log_std_A.exp().expand_as(mean_BA), validate_args=False)
        return Law(normal, mean_BA, Identity())

    @torch.no_grad()
    def restart(self, share: float) -> None:
        """Set the standard deviations to a share of the initial one, but not below the floor."""
        self.log_std_A.fill_(math.log(max(share * self._spec.initial_std, self._spec.std_floor)))

    @torch.no_grad()
    def anneal(self) -> None:
        """Multiply the standard deviations by ``std_decay``, down to ``std_floor``."""
        self.log_std_A.add_(math.log(self._spec.std_decay)).clamp_(min=math.log(self._spec.std_floor))
