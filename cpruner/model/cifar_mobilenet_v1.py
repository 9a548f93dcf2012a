"""MobileNet v1 for small images. Axis letters: B batch, C channels, H height, W width."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from cpruner.model.family import Family
from cpruner.spec import option

STEM = 32
#: Channels and stride of each depthwise separable convolution, table 1 of the paper.
SEPARABLE = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *5 * ((512, 1),), (1024, 2), (1024, 1))


@final
@dataclass(frozen=True)
class CifarMobileNetV1(Family):
    """MobileNet v1 for 32x32 images: the network of the paper, with a stem that does not halve the image.

    A. G. Howard et al., MobileNets: efficient convolutional neural networks for mobile vision applications,
    arXiv:1704.04861, table 1.
    """

    width: float = option(1.0, "factor of all channels: 1, 0.75, 0.5 or 0.25 in the paper", low=0.01)

    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers for images of ``channels`` channels."""
        return SeparableNetwork(self.width, channels, classes)


@final
class SeparableNetwork(nn.Module):
    """Stem, depthwise separable convolutions, mean over the image, linear head.

    Args:
        width: Factor of all channels.
        channels: Channels of the images.
        classes: Number of outputs.
    """

    def __init__(self, width: float, channels: int, classes: int) -> None:
        super().__init__()
        entering = _scaled(STEM, width)
        self.stem = nn.Sequential(
            nn.Conv2d(channels, entering, 3, padding=1, bias=False), nn.BatchNorm2d(entering), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        for base, stride in SEPARABLE:
            leaving = _scaled(base, width)
            blocks.append(_separable(entering, leaving, stride))
            entering = leaving
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(entering, classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits, shape (B, classes)."""
        logits: Tensor = self.linear(self.pool(self.blocks(self.stem(images_BCHW))).flatten(1))
        return logits


def _scaled(base: int, width: float) -> int:
    return max(1, round(base * width))


def _separable(entering: int, leaving: int, stride: int) -> nn.Sequential:
    """A 3x3 convolution of each channel by itself, then a 1x1 convolution over them; figure 3 of the paper."""
    return nn.Sequential(
        nn.Conv2d(entering, entering, 3, stride=stride, padding=1, groups=entering, bias=False),
        nn.BatchNorm2d(entering),
        nn.ReLU(),
        nn.Conv2d(entering, leaving, 1, bias=False),
        nn.BatchNorm2d(leaving),
        nn.ReLU(),
    )
