"""Observations brought to zero mean and unit variance.

Axis letters: B steps, O observation.
"""

from typing import final

import torch
from torch import Tensor, nn


@final
class Normaliser(nn.Module):
    """(o - mean) / std, clamped to [-5, 5]; the identity until :meth:`fit` is called.

    It is fitted once, on the first batch of episodes, and then stays: in a short deterministic problem one batch shows
    all there is to see, and a moving scale would move the policy.

    Args:
        observation_size: O.
    """

    mean_O: Tensor
    std_O: Tensor
    fitted: Tensor

    def __init__(self, observation_size: int) -> None:
        super().__init__()
        self.register_buffer("mean_O", torch.zeros(observation_size, dtype=torch.float64))
        self.register_buffer("std_O", torch.ones(observation_size, dtype=torch.float64))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    def forward(self, observation_BO: Tensor) -> Tensor:
        """Normalised observations, same shape."""
        if not self.fitted:
            return observation_BO
        return ((observation_BO - self.mean_O) / self.std_O).clamp(-5.0, 5.0)

    def fit(self, observation_BO: Tensor) -> None:
        """Take mean and standard deviation of a batch; features that do not vary in it are only shifted."""
        std_O = observation_BO.std(dim=0, correction=0)
        self.mean_O.copy_(observation_BO.mean(dim=0))
        self.std_O.copy_(torch.where(std_O < 1e-6, 1.0, std_O))
        self.fitted.fill_(True)
