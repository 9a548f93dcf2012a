"""State values of the reward and of every cost.

Axis letters: B steps, O observation, K constraints, V = 1 + K values (reward first).
"""

from typing import final

import torch
from torch import Tensor, nn
from torch.optim import Adam

from cpruner.agent.encoder import EncoderSpec
from cpruner.agent.network import linear
from cpruner.agent.sequences import Sequences
from cpruner.cmdp import Problem


@final
class Critic(nn.Module):
    """One encoder of its own and 1 + K outputs: V_r(o), V_c1(o), ..., V_cK(o).

    Args:
        problem: Sizes, and K.
        encoder: Observations -> features.
        generator: Source of the initial weights.
    """

    def __init__(self, problem: Problem, encoder: EncoderSpec, generator: torch.Generator) -> None:
        super().__init__()
        self.encoder = encoder.build(problem.observation_size, problem.horizon, generator)
        self.head = linear(self.encoder.size, 1 + len(problem.limits), 1.0, generator)

    def forward(self, seen: Sequences) -> Tensor:
        """Values at all steps, shape (B, 1 + K)."""
        value_BV: Tensor = self.head(self.encoder(seen))
        return value_BV


def value_loss(value_BV: Tensor, return_BV: Tensor) -> Tensor:
    """Half the mean squared error over steps and heads, a scalar."""
    return 0.5 * (value_BV - return_BV).pow(2).mean()


def fit_values(critic: Critic, optimiser: Adam, seen: Sequences, return_BV: Tensor, epochs: int) -> float:
    """Regress the values on returns, ``epochs`` steps on the whole batch; returns the last loss."""
    loss = torch.zeros(())
    for _ in range(epochs):
        loss = value_loss(critic(seen), return_BV)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def explained_variance(value_B: Tensor, return_B: Tensor) -> float:
    """1 - Var[return - value] / Var[return]; 0 if the returns do not vary."""
    variance = return_B.var(correction=0)
    if variance < 1e-12:
        return 0.0
    return float(1.0 - (return_B - value_B).var(correction=0) / variance)
