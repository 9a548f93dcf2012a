"""The default network: a small residual CNN for small images. Axis letters: B batch, C channels, H height, W width."""

from dataclasses import dataclass
from typing import final

from torch import Tensor, nn

from cpruner.model.seeded import seeded
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class SmallResNet:
    """Residual network with batch norm that trains on 8x8 images in seconds.

    A 3x3 stem is followed by stages that double the channels and halve the image (He et al. 2016, with option B:
    shortcuts are 1x1 convolutions where the shape changes). Channels inside a block are ``inner`` times those of its
    output: more than needed, and not everywhere equally so.
    """

    width: int = option(16, "channels of the first stage; every later stage has twice as many", low=1)
    stages: int = option(3, "number of stages; all but the first halve the image", low=1, high=6)
    blocks: int = option(1, "residual blocks per stage", low=1)
    inner: int = option(2, "channels inside a block, as a multiple of its output channels", low=1)
    seed: int = option(0, "seed of the initial weights", low=0)

    def __post_init__(self) -> None:
        check(self)

    @property
    def pretrained(self) -> bool:
        """Whether the network comes with trained weights."""
        return False

    def build(self, classes: int, example: Tensor) -> nn.Module:
        """Make the network for inputs like ``example`` (1, C, H, W), any C, H and W, in eval mode."""
        with seeded(self.seed):
            return SmallResidualNetwork(self, example.shape[1], classes).eval()


@final
class SmallResidualNetwork(nn.Module):
    """Stem, stages of residual blocks, mean over the image, linear head."""

    def __init__(self, spec: SmallResNet, channels: int, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, spec.width, 3, padding=1, bias=False), nn.BatchNorm2d(spec.width), nn.ReLU()
        )
        blocks: list[nn.Module] = []
        width = spec.width
        for stage in range(spec.stages):
            outer = spec.width * 2**stage
            for block in range(spec.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(ResidualBlock(width, spec.inner * outer, outer, stride))
                width = outer
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(width, classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return logits, shape (B, classes)."""
        logits: Tensor = self.head(self.pool(self.blocks(self.stem(images_BCHW))).flatten(1))
        return logits


@final
class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut: identity, or a 1x1 convolution where the shape changes."""

    def __init__(self, entering: int, inner: int, leaving: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(entering, inner, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, leaving, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(leaving)
        self.relu = nn.ReLU()
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or entering != leaving:
            self.shortcut = nn.Sequential(
                nn.Conv2d(entering, leaving, 1, stride=stride, bias=False), nn.BatchNorm2d(leaving)
            )

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return relu(convolutions + shortcut)."""
        inner = self.relu(self.bn1(self.conv1(images_BCHW)))
        out: Tensor = self.relu(self.bn2(self.conv2(inner)) + self.shortcut(images_BCHW))
        return out
