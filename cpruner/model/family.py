"""What the networks of papers have in common, between their options and their user."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from cpruner.model.seeded import seeded
from cpruner.model.weights import load_weights
from cpruner.spec import check, option


@dataclass(frozen=True, kw_only=True)
class Family(ABC):
    """A network that starts from He's initial weights or from a file.

    Convolutions and linear layers start from normal draws of variance 2 / fan-in (K. He et al., Delving deep into
    rectifiers, ICCV 2015, equation 10).
    """

    weights: str | None = option(None, "safetensors file with trained weights; null starts from random ones")
    seed: int = option(0, "seed of the initial weights", low=0)

    def __post_init__(self) -> None:
        check(self)

    @property
    def pretrained(self) -> bool:
        """Whether the network comes with trained weights."""
        return self.weights is not None

    @final
    def build(self, classes: int, example: Tensor) -> nn.Module:
        """Make the network for inputs like ``example`` (1, C, H, W), in eval mode.

        Raises:
            InputError: If the weights file is missing or belongs to another network.
        """
        with seeded(self.seed):
            network = self.network(example.shape[1], classes)
            for module in network.modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    nn.init.kaiming_normal_(module.weight)
        if self.weights is not None:
            load_weights(network, self.weights)
        return network.eval()

    @abstractmethod
    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers, with torch's own initial weights, for images of ``channels`` channels."""
