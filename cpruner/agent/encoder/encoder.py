"""What turns the observations of an episode into features of every step.

Axis letters: N episodes, T steps, B steps of all episodes together, O observation, F features.
"""

from typing import Protocol

import torch
from torch import Tensor

from cpruner.agent.sequences import Sequences


class Encoder(Protocol):
    """A module; the features of a step depend on it and on the steps before it, never on later ones."""

    @property
    def size(self) -> int:
        """F."""
        ...

    @property
    def remembers(self) -> bool:
        """Whether the features of a step depend on earlier steps."""
        ...

    def __call__(self, seen: Sequences) -> Tensor:
        """Features of all steps, shape (B, F)."""
        ...


class EncoderSpec(Protocol):
    """Hyper-parameters of an encoder."""

    def build(self, observation_size: int, horizon: int, generator: torch.Generator) -> Encoder:
        """Make the module; all its weights come from the generator."""
        ...
