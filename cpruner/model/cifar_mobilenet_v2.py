"""MobileNet v2 for small images. Axis letters: B batch, C channels, H height, W width."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from cpruner.model.family import Family
from cpruner.spec import option

STEM, LAST = 32, 1280
#: Expansion, channels, blocks and stride of each stage: table 2 of the paper, where the second stage has stride 2.
STAGES = ((1, 16, 1, 1), (6, 24, 2, 1), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
MULTIPLE = 8


@final
@dataclass(frozen=True)
class CifarMobileNetV2(Family):
    """MobileNet v2 for 32x32 images: the network of the paper, halving the image three times instead of five.

    Stem and second stage keep the size of the image. M. Sandler et al., MobileNetV2: inverted residuals and linear
    bottlenecks, CVPR 2018, table 2.
    """

    width: float = option(1.0, "factor of all channels but, below 1, those of the last convolution", low=0.01)

    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers for images of ``channels`` channels."""
        return InvertedNetwork(self.width, channels, classes)


@final
class InvertedNetwork(nn.Module):
    """Stem, inverted residuals, one wide 1x1 convolution, mean over the image, linear head.

    Args:
        width: Factor of the channels.
        channels: Channels of the images.
        classes: Number of outputs.
    """

    def __init__(self, width: float, channels: int, classes: int) -> None:
        super().__init__()
        entering, last = divisible(STEM * width), divisible(LAST * max(1.0, width))
        layers: list[nn.Module] = [*_convolution(channels, entering, kernel=3)]
        for expansion, base, repeats, stride in STAGES:
            leaving = divisible(base * width)
            for block in range(repeats):
                layers.append(InvertedResidual(entering, leaving, expansion, stride if block == 0 else 1))
                entering = leaving
        layers += _convolution(entering, last)
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(last, classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits, shape (B, classes)."""
        logits: Tensor = self.classifier(self.pool(self.features(images_BCHW)).flatten(1))
        return logits


@final
class InvertedResidual(nn.Module):
    """Expand by a 1x1 convolution, filter each channel by itself, project without activation; figure 4 of the paper.

    The input is added where it has the shape of the output.
    """

    def __init__(self, entering: int, leaving: int, expansion: int, stride: int) -> None:
        super().__init__()
        inner = entering * expansion
        expand = _convolution(entering, inner) if expansion > 1 else []
        filtering = _convolution(inner, inner, kernel=3, stride=stride, groups=inner)
        project = [nn.Conv2d(inner, leaving, 1, bias=False), nn.BatchNorm2d(leaving)]
        self.convolutions = nn.Sequential(*expand, *filtering, *project)
        self.residual = stride == 1 and entering == leaving

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the projection, with the input added if it fits."""
        out: Tensor = self.convolutions(images_BCHW)
        return images_BCHW + out if self.residual else out


def divisible(channels: float) -> int:
    """The multiple of 8 next to a number of channels, the one above if that would take more than a tenth away."""
    nearest = max(MULTIPLE, int(channels + MULTIPLE / 2) // MULTIPLE * MULTIPLE)
    return nearest if nearest >= 0.9 * channels else nearest + MULTIPLE


def _convolution(entering: int, leaving: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    conv = nn.Conv2d(entering, leaving, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [conv, nn.BatchNorm2d(leaving), nn.ReLU6()]
