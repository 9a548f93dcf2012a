"""The wide residual networks of Zagoruyko and Komodakis 2016."""

from dataclasses import dataclass
from typing import final

from torch import nn

from cpruner.errors import InputError
from cpruner.model.family import Family
from cpruner.model.preactivation import PreActivationNetwork
from cpruner.spec import option

WIDTHS = (16, 32, 64)


@final
@dataclass(frozen=True)
class WideResNet(Family):
    """WRN-depth-widen for 32x32 images: depth 6n + 4, three stages of n pre-activation blocks, no dropout.

    S. Zagoruyko and N. Komodakis, Wide residual networks, BMVC 2016, table 1.
    """

    depth: int = option(16, "convolutions, shortcuts included, 6n + 4: 16, 22, 28 or 40 in the paper", low=10)
    widen: int = option(4, "factor of the 16, 32 and 64 channels of the stages: 1 to 12 in the paper", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.depth - 4) % 6:
            raise InputError(
                "WideResNet.depth",
                expected="6n + 4, such as 16, 22, 28 or 40",
                got=self.depth,
                remedy="Choose one of these.",
            )

    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers for images of ``channels`` channels."""
        blocks = len(WIDTHS) * ((self.depth - 4) // 6,)
        widths = [width * self.widen for width in WIDTHS]
        return PreActivationNetwork(WIDTHS[0], widths, blocks, channels, classes)
