"""The pre-activation ResNet-18 for small images."""

from dataclasses import dataclass
from typing import final

from torch import nn

from cpruner.errors import InputError
from cpruner.model.family import Family
from cpruner.model.preactivation import PreActivationNetwork
from cpruner.spec import option

WIDTHS = (64, 128, 256, 512)
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


@final
@dataclass(frozen=True)
class PreActResNet(Family):
    """ResNet-18 or -34 with pre-activation for 32x32 images: a 3x3 stem, no first pooling, four stages of basic blocks.

    K. He et al., Deep residual learning for image recognition, CVPR 2016, table 1, with the blocks of K. He et al.,
    Identity mappings in deep residual networks, ECCV 2016.
    """

    depth: int = option(18, "layers with weights, shortcuts not counted: 18 or 34")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth not in BLOCKS:
            raise InputError(
                "PreActResNet.depth",
                expected=f"one of {', '.join(map(str, BLOCKS))}",
                got=repr(self.depth),
                remedy="Choose one of these.",
            )

    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers for images of ``channels`` channels."""
        return PreActivationNetwork(WIDTHS[0], WIDTHS, BLOCKS[self.depth], channels, classes)
