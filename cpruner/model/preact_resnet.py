"""The pre-activation ResNet-18 for small images."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.model.preactivation import PreActivationNetwork
from cpruner.model.prepared import prepared
from cpruner.spec import check, option

WIDTHS = (64, 128, 256, 512)
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}


@final
@dataclass(frozen=True)
class PreActResNet:
    """ResNet-18 or -34 with pre-activation for 32x32 images: a 3x3 stem, no first pooling, four stages of basic blocks.

    K. He et al., Deep residual learning for image recognition, CVPR 2016, table 1, with the blocks of K. He et al.,
    Identity mappings in deep residual networks, ECCV 2016.
    """

    depth: int = option(18, "layers with weights, shortcuts not counted: 18 or 34")
    weights: str | None = option(None, "safetensors file with trained weights; null starts from random ones")
    seed: int = option(0, "seed of the initial weights", low=0)

    def __post_init__(self) -> None:
        check(self)
        if self.depth not in BLOCKS:
            raise InputError(
                "PreActResNet.depth",
                expected=f"one of {', '.join(map(str, BLOCKS))}",
                got=repr(self.depth),
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
        blocks = BLOCKS[self.depth]
        return prepared(
            lambda: PreActivationNetwork(WIDTHS[0], WIDTHS, blocks, example.shape[1], classes),
            seed=self.seed,
            weights=self.weights,
        )
