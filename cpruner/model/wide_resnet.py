"""The wide residual networks of Zagoruyko and Komodakis 2016."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.model.preactivation import PreActivationNetwork
from cpruner.model.prepared import prepared
from cpruner.spec import check, option

WIDTHS = (16, 32, 64)


@final
@dataclass(frozen=True)
class WideResNet:
    """WRN-depth-widen for 32x32 images: depth 6n + 4, three stages of n pre-activation blocks, no dropout.

    S. Zagoruyko and N. Komodakis, Wide residual networks, BMVC 2016, table 1.
    """

    depth: int = option(16, "convolutions, shortcuts included, 6n + 4: 16, 22, 28 or 40 in the paper", low=10)
    widen: int = option(4, "factor of the 16, 32 and 64 channels of the stages: 1 to 12 in the paper", low=1)
    weights: str | None = option(None, "safetensors file with trained weights; null starts from random ones")
    seed: int = option(0, "seed of the initial weights", low=0)

    def __post_init__(self) -> None:
        check(self)
        if (self.depth - 4) % 6:
            raise InputError(
                "WideResNet.depth",
                expected="6n + 4, such as 16, 22, 28 or 40",
                got=self.depth,
                remedy="Choose one of these.",
            )

    @property
    def pretrained(self) -> bool:
        """Whether the network comes with trained weights."""
        return self.weights is not None

    def build(self, classes: int, example: Tensor) -> nn.Module:
        """Make the network for inputs like ``example`` (1, C, H, W), in eval mode.

        Raises:
            InputError: If the weights file is missing or belongs to another network.
        """
        blocks = len(WIDTHS) * ((self.depth - 4) // 6,)
        widths = [width * self.widen for width in WIDTHS]
        return prepared(
            lambda: PreActivationNetwork(WIDTHS[0], widths, blocks, example.shape[1], classes),
            seed=self.seed,
            weights=self.weights,
        )
