"""State values of the reward and of every cost.

Axis letters: B steps, O observation, K constraints, V = 1 + K values (reward first).
"""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor, nn

from cpruner.agent.network import mlp


@final
class Critic(nn.Module):
    """One perceptron with 1 + K outputs: V_r(o), V_c1(o), ..., V_cK(o).

    Args:
        observation_size: O.
        constraints: K.
        hidden: Widths of the hidden layers.
        generator: Source of the initial weights.
        feature_gain: Gain of the first layer, see :func:`cpruner.agent.network.mlp`.
    """

    def __init__(
        self,
        observation_size: int,
        constraints: int,
        *,
        hidden: Sequence[int],
        generator: torch.Generator,
        feature_gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.body = mlp([observation_size, *hidden, 1 + constraints], generator, first_gain=feature_gain)

    def forward(self, observation_BO: Tensor) -> Tensor:
        """Values, shape (B, 1 + K)."""
        value_BV: Tensor = self.body(observation_BO)
        return value_BV


def value_loss(value_BV: Tensor, return_BV: Tensor) -> Tensor:
    """Half the mean squared error over steps and heads, a scalar."""
    return 0.5 * (value_BV - return_BV).pow(2).mean()


def explained_variance(value_B: Tensor, return_B: Tensor) -> float:
    """1 - Var[return - value] / Var[return]; 0 if the returns do not vary."""
    variance = return_B.var(correction=0)
    if variance < 1e-12:
        return 0.0
    return float(1.0 - (return_B - value_B).var(correction=0) / variance)
