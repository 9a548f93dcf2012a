"""The basic DenseNets for CIFAR. Axis letters: B batch, C channels, H height, W width."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.model.family import Family
from cpruner.spec import option

BLOCKS = 3
STEM = 16


@final
@dataclass(frozen=True)
class CifarDenseNet(Family):
    """Densely connected network for 32x32 images: depth 3n + 4, three blocks of n layers.

    G. Huang et al., Densely connected convolutional networks, CVPR 2017, section 3 and table 2: the basic variant,
    without bottleneck and compression.
    """

    depth: int = option(40, "layers with weights, 3n + 4: 40 or 100 in the paper", low=7)
    growth: int = option(12, "channels that each layer adds: 12 or 24 in the paper", low=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.depth - 4) % BLOCKS:
            raise InputError(
                "CifarDenseNet.depth",
                expected="3n + 4, such as 22, 40 or 100",
                got=self.depth,
                remedy="Choose one of these.",
            )

    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers for images of ``channels`` channels."""
        return DenseNetwork((self.depth - 4) // BLOCKS, self.growth, channels, classes)


@final
class DenseNetwork(nn.Module):
    """Stem, dense blocks with a transition between them, batch norm, mean over the image, linear head.

    Args:
        layers: Layers of each block.
        growth: Channels that each layer adds.
        channels: Channels of the images.
        classes: Number of outputs.
    """

    def __init__(self, layers: int, growth: int, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, STEM, 3, padding=1, bias=False)
        width, stages = STEM, []
        for block in range(BLOCKS):
            stages += [_transition(width)] if block else []
            stages.append(nn.Sequential(*(DenseLayer(width + layer * growth, growth) for layer in range(layers))))
            width += layers * growth
        self.stages = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(width, classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits, shape (B, classes)."""
        last = self.relu(self.bn(self.stages(self.stem(images_BCHW))))
        logits: Tensor = self.linear(self.pool(last).flatten(1))
        return logits


@final
class DenseLayer(nn.Module):
    """Batch norm, ReLU and a 3x3 convolution, whose output goes behind the channels that came in."""

    def __init__(self, entering: int, growth: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(entering)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(entering, growth, 3, padding=1, bias=False)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the entering channels and the new ones."""
        return torch.cat([images_BCHW, self.conv(self.relu(self.bn(images_BCHW)))], 1)


def _transition(width: int) -> nn.Sequential:
    mixing = nn.Conv2d(width, width, 1, bias=False)
    pool = nn.AvgPool2d(2, ceil_mode=True)  # ceil: images of any size pass
    return nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), mixing, pool)
