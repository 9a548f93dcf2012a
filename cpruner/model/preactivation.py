"""Residual networks with pre-activation for small images. Axis letters: B batch, C channels, H height, W width."""

from collections.abc import Sequence
from typing import final

from torch import Tensor, nn


@final
class PreActivationNetwork(nn.Module):
    """Stem, stages of pre-activation blocks, batch norm and ReLU, mean over the image, linear head.

    K. He et al., Identity mappings in deep residual networks, ECCV 2016, appendix. Every stage but the first halves the
    image.

    Args:
        stem: Channels of the first convolution.
        widths: Channels of each stage.
        blocks: Blocks of each stage.
        channels: Channels of the images.
        classes: Number of outputs.
    """

    def __init__(self, stem: int, widths: Sequence[int], blocks: Sequence[int], channels: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, stem, 3, padding=1, bias=False)
        entering, layers = stem, []
        for stage, (leaving, repeats) in enumerate(zip(widths, blocks, strict=True)):
            for block in range(repeats):
                stride = 2 if stage > 0 and block == 0 else 1
                layers.append(PreActivationBlock(entering, leaving, stride))
                entering = leaving
        self.blocks = nn.Sequential(*layers)
        self.bn = nn.BatchNorm2d(entering)
        self.relu = nn.ReLU()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(entering, classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits, shape (B, classes)."""
        last = self.relu(self.bn(self.blocks(self.conv1(images_BCHW))))
        logits: Tensor = self.linear(self.pool(last).flatten(1))
        return logits


@final
class PreActivationBlock(nn.Module):
    """Two times batch norm, ReLU and a 3x3 convolution; figure 1(b) of the paper.

    The shortcut is the input itself, or where the shape changes a 1x1 convolution of the first activation.
    """

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(entering)
        self.conv1 = nn.Conv2d(entering, leaving, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(leaving)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, padding=1, bias=False)
        self.relu = nn.ReLU()
        self.shortcut: nn.Module | None = None
        if stride != 1 or entering != leaving:
            self.shortcut = nn.Conv2d(entering, leaving, 1, stride=stride, bias=False)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return convolutions + shortcut."""
        active = self.relu(self.bn1(images_BCHW))
        shortcut = images_BCHW if self.shortcut is None else self.shortcut(active)
        out: Tensor = self.conv2(self.relu(self.bn2(self.conv1(active)))) + shortcut
        return out
