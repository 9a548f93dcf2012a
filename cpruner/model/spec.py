"""What every model specification can do."""

from typing import Protocol

from torch import Tensor, nn


class ModelSpec(Protocol):
    """Options of a network; builds it."""

    @property
    def pretrained(self) -> bool:
        """Whether the network comes with trained weights; otherwise it is trained before it is pruned."""
        ...

    def build(self, classes: int, example: Tensor) -> nn.Module:
        """Make the network, float32 and in eval mode; the same options give the same weights.

        Args:
            classes: Number of outputs.
            example: An input, shape (1, C, H, W); the network is made for C channels.
        """
        ...
