"""The CIFAR ResNets of He et al. 2016, section 4.2. Axis letters: B batch, C channels, H height, W width."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError
from cpruner.model.family import Family
from cpruner.spec import option

WIDTHS = (16, 32, 64)


@final
@dataclass(frozen=True)
class CifarResNet(Family):
    """Residual network for 32x32 images: depth 6n + 2, three stages of n basic blocks, shortcuts without parameters.

    K. He et al., Deep residual learning for image recognition, CVPR 2016, section 4.2 and table 6.
    """

    depth: int = option(20, "layers with weights, 6n + 2: 20, 32, 44, 56 or 110 in the paper", low=8)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.depth - 2) % 6:
            raise InputError(
                "CifarResNet.depth",
                expected="6n + 2, such as 20, 32, 44, 56 or 110",
                got=self.depth,
                remedy="Choose one of these.",
            )

    def network(self, channels: int, classes: int) -> nn.Module:
        """Make the layers for images of ``channels`` channels."""
        return CifarResidualNetwork((self.depth - 2) // 6, channels, classes)


@final
class CifarResidualNetwork(nn.Module):
    """Stem, three stages, mean over the image, linear head; tensor names as in the published weights."""

    def __init__(self, blocks: int, channels: int, classes: int) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.conv1 = nn.Conv2d(channels, first, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(first)
        self.relu = nn.ReLU()
        self.layer1 = _stage(first, first, blocks)
        self.layer2 = _stage(first, second, blocks)
        self.layer3 = _stage(second, third, blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(third, classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits, shape (B, classes)."""
        stem = self.relu(self.bn1(self.conv1(images_BCHW)))
        logits: Tensor = self.linear(self.pool(self.layer3(self.layer2(self.layer1(stem)))).flatten(1))
        return logits


@final
class CifarBasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut without parameters."""

    def __init__(self, entering: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(entering, leaving, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(leaving)
        self.conv2 = nn.Conv2d(leaving, leaving, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(leaving)
        self.relu = nn.ReLU()
        same = stride == 1 and entering == leaving
        self.shortcut: nn.Module = nn.Identity() if same else PaddedShortcut(stride, (leaving - entering) // 2)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return relu(convolutions + shortcut)."""
        inner = self.relu(self.bn1(self.conv1(images_BCHW)))
        out: Tensor = self.relu(self.bn2(self.conv2(inner)) + self.shortcut(images_BCHW))
        return out


@final
class PaddedShortcut(nn.Module):
    """Option A of He et al. 2016, section 3.3: take every ``stride``-th pixel and add zero channels on both sides.

    Args:
        stride: Step in both directions of the image.
        padding: Zero channels added before, and as many after, the present ones.
    """

    def __init__(self, stride: int, padding: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the smaller, deeper image."""
        strided = images_BCHW[:, :, :: self.stride, :: self.stride]
        return functional.pad(strided, (0, 0, 0, 0, self.padding, self.padding))


def _stage(entering: int, leaving: int, blocks: int) -> nn.Sequential:
    first = CifarBasicBlock(entering, leaving, stride=leaving // entering)
    return nn.Sequential(first, *(CifarBasicBlock(leaving, leaving, stride=1) for _ in range(blocks - 1)))
