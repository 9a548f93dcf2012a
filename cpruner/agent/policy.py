"""Diagonal Gaussian policy over [0, 1] actions.

Axis letters: B steps, O observation, A action.
"""

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from cpruner.agent.network import mlp


@final
class GaussianPolicy(nn.Module):
    """pi(a | o) = N(sigmoid(f(o) + logit(initial_mean)), diag(std^2)), with f a perceptron.

    The mean passes through a sigmoid, so that it always is a legal action; the noise is added afterwards, in units of
    the action, so that its scale keeps its meaning near 0 and 1. The environment clips what falls outside. The
    probability is that of the unclipped action, which keeps the policy gradient exact.

    Args:
        observation_size: O.
        action_size: A.
        hidden: Widths of the hidden layers.
        initial_mean: Mean action before learning, in (0, 1); the last layer starts small, so all steps start near it.
        initial_std: Standard deviation before learning, in units of the action.
        generator: Source of the initial weights.
        feature_gain: Gain of the first layer, see :func:`cpruner.agent.network.mlp`.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        hidden: Sequence[int],
        initial_mean: float,
        initial_std: float,
        generator: torch.Generator,
        feature_gain: float = 1.0,
    ) -> None:
        super().__init__()
        sizes = [observation_size, *hidden, action_size]
        self.body = mlp(sizes, generator, first_gain=feature_gain, last_gain=0.01)
        self.log_std_A = nn.Parameter(torch.full((action_size,), math.log(initial_std), dtype=torch.float64))
        self._bias = math.log(initial_mean / (1.0 - initial_mean))

    @property
    def std_A(self) -> Tensor:
        """Standard deviation per action component, shape (A,)."""
        return self.log_std_A.exp()

    def mean(self, observation_BO: Tensor) -> Tensor:
        """Mean action, shape (B, A), in (0, 1)."""
        logit_BA: Tensor = self.body(observation_BO)
        return torch.sigmoid(logit_BA + self._bias)

    def sample(self, observation_BO: Tensor, generator: torch.Generator) -> Tensor:
        """Draw actions, shape (B, A); they may fall outside [0, 1]."""
        mean_BA = self.mean(observation_BO)
        noise_BA = torch.randn(mean_BA.shape, generator=generator, dtype=mean_BA.dtype)
        return mean_BA + self.std_A * noise_BA

    def log_prob(self, observation_BO: Tensor, action_BA: Tensor) -> Tensor:
        """Log density of whole actions, shape (B,): sum_a -z^2/2 - log std - log(2 pi)/2."""
        z_BA = (action_BA - self.mean(observation_BO)) / self.std_A
        return (-0.5 * z_BA**2 - self.log_std_A - 0.5 * math.log(2.0 * math.pi)).sum(dim=-1)

    def entropy(self) -> Tensor:
        """Differential entropy in nats, the same in every state: sum_a log std + log(2 pi e)/2."""
        return (self.log_std_A + 0.5 * math.log(2.0 * math.pi * math.e)).sum()

    @torch.no_grad()
    def shrink(self, factor: float, floor: float) -> None:
        """Multiply the standard deviations by ``factor``, then lift them to at least ``floor``."""
        self.log_std_A.add_(math.log(factor)).clamp_(min=math.log(floor))
