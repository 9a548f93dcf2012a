"""VGG with batch norm for small images. Axis letters: B batch, C channels, H height, W width."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.model.family import Family
from cpruner.spec import option

WIDTHS = (64, 128, 256, 512, 512)
CONVOLUTIONS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}  # per stage


@final
@dataclass(frozen=True)
class CifarVGG(Family):
    """VGG for 32x32 images: five stages of 3x3 convolutions that each end by halving the image, and one linear layer.

    K. Simonyan and A. Zisserman, Very deep convolutional networks for large-scale image recognition, ICLR 2015,
    table 1, columns A, B, D and E. Batch norm follows every convolution, and 512 -> classes stands for the three linear
    layers, as is usual on CIFAR since S. Zagoruyko, 92.45% on CIFAR-10 in Torch, 2015.
    """

    depth: int = option(16, "11, 13, 16 or 19: the convolutions, and the three linear layers of the paper")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth not in CONVOLUTIONS:
            raise InputError(
                "CifarVGG.depth",
                expected=f"one of {', '.join(map(str, CONVOLUTIONS))}",
                got=repr(self.depth),
                remedy="Choose one of these.",
            )

    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers for images of ``channels`` channels."""
        return VGGNetwork(CONVOLUTIONS[self.depth], channels, classes)


@final
class VGGNetwork(nn.Module):
    """A plain chain of convolutions and poolings, mean over the image, linear head.

    Args:
        convolutions: Number of convolutions of each stage.
        channels: Channels of the images.
        classes: Number of outputs.
    """

    def __init__(self, convolutions: tuple[int, ...], channels: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for leaving, repeats in zip(WIDTHS, convolutions, strict=True):
            for _ in range(repeats):
                layers += [nn.Conv2d(channels, leaving, 3, padding=1), nn.BatchNorm2d(leaving), nn.ReLU()]
                channels = leaving
            layers.append(nn.MaxPool2d(2, ceil_mode=True))  # ceil: images below 32 pixels pass too
        self.features = nn.Sequential(*layers)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits, shape (B, classes)."""
        logits: Tensor = self.classifier(self.pool(self.features(images_BCHW)).flatten(1))
        return logits
