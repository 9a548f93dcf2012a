"""Episodes of different lengths side by side.

Axis letters: N episodes, T steps of the longest, B steps of all episodes together, O observation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


@final
@dataclass(frozen=True)
class Sequences:
    """Observations of N episodes, or of their beginnings.

    Args:
        padded_NTO: Observations; zeros after the end of an episode.
        length_N: Steps of every episode.
    """

    padded_NTO: Tensor
    length_N: tuple[int, ...]

    @staticmethod
    def of(observation_NTO: Sequence[Tensor]) -> "Sequences":
        """Pad episodes to the longest."""
        return Sequences(pad_sequence(list(observation_NTO), batch_first=True), tuple(map(len, observation_NTO)))

    @property
    def valid_NT(self) -> Tensor:
        """Which steps were played."""
        step_T = torch.arange(self.padded_NTO.shape[1])
        return step_T < torch.tensor(self.length_N)[:, None]

    @property
    def flat_BO(self) -> Tensor:
        """All steps that were played, episode after episode."""
        return self.flat(self.padded_NTO)

    @property
    def last_N(self) -> Tensor:
        """Where the last step of every episode is among all steps."""
        return torch.tensor(self.length_N).cumsum(0) - 1

    def flat(self, values_NTX: Tensor) -> Tensor:
        """The values of all steps that were played, shape (B, ...)."""
        if min(self.length_N) == self.padded_NTO.shape[1]:
            return values_NTX.flatten(0, 1)
        return values_NTX[self.valid_NT]

    def with_observations(self, padded_NTO: Tensor) -> "Sequences":
        """The same episodes, seen otherwise."""
        return Sequences(padded_NTO, self.length_N)
