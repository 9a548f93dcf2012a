"""What turns features into laws.

Axis letters: B states, F features, A action components.
"""

from typing import Protocol

import torch
from torch import Tensor

from cpruner.agent.policy.law import Law


class Head(Protocol):
    """A module behind an encoder."""

    def __call__(self, feature_BF: Tensor) -> Law:
        """The law in every state."""
        ...

    def restart(self, share: float) -> None:
        """Explore as much as a share of what it began with."""
        ...

    def anneal(self) -> None:
        """Explore less from now on, on the schedule of the spec; called after every update."""
        ...


class HeadSpec(Protocol):
    """Hyper-parameters of a head."""

    def build(self, features: int, action_size: int, generator: torch.Generator) -> Head:
        """Make the module; all its weights come from the generator, and all states start nearly alike."""
        ...
