"""The ways in which channels meet, as small modules: what the networks of ``nets.py`` are made of."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional


@final
class Add(nn.Module):
    """Sum of branches that read the same input."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)

    def forward(self, x: Tensor) -> Tensor:
        """``sum_i branch_i(x)``."""
        return torch.stack([branch(x) for branch in self.branches.values()]).sum(0)


@final
class Join(nn.Module):
    """Concatenation of the input with what a branch makes of it (a dense block)."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """``[x, branch(x)]``."""
        return torch.cat([x, self.branch(x)], 1)


@final
class Gate(nn.Module):
    """Squeeze and excitation: every channel is scaled by a small network of all channel means."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(channels, inner), nn.Linear(inner, channels)

    def forward(self, x: Tensor) -> Tensor:
        """``x * sigmoid(up(relu(down(mean(x)))))``."""
        scale = self.up(functional.relu(self.down(x.mean((2, 3)))))
        gated: Tensor = x * scale.sigmoid()[:, :, None, None]
        return gated


@final
class Thin(nn.Module):
    """Option A of He et al. 2016, section 4.2: halve the image, pad channels with zeros."""

    def __init__(self, padding: int) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Padded with as many channels on both sides."""
        return functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.padding, self.padding))


@final
class ThinBlock(nn.Module):
    """The same shortcut written in the block's own forward, next to its convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 8, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """``conv(x) + pad(x)``."""
        out: Tensor = self.conv(x) + functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))
        return out


@final
class Shuffle(nn.Module):
    """Channel shuffle of Zhang et al. 2018: deal the channels of two halves out in turn."""

    def forward(self, x: Tensor) -> Tensor:
        """Channel ``i`` of the first half goes to ``2 i``, of the second to ``2 i + 1``."""
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


@final
class TwoInputs(nn.Module):
    """Two images meet in a product."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(1, 6, 3), nn.Linear(6, 2)

    def forward(self, x: Tensor, y: Tensor) -> dict[str, Tensor]:
        """Returns a dict, as some networks do."""
        joint = functional.relu(self.left(x)) * functional.relu(self.right(y))
        return {"logits": self.head(joint.amax((2, 3)))}


@final
class Twice(nn.Module):
    """One convolution applied twice ties its outputs to its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.loop, self.head = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        """``head(mean(loop(relu(loop(stem(x))))))``."""
        out: Tensor = self.head(self.loop(functional.relu(self.loop(self.stem(x)))).mean((2, 3)))
        return out


@final
class Standardised(nn.Conv2d):
    """Weight standardisation of Qiao et al. 2019, as timm writes it."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolution with a weight of mean zero and variance one per output."""
        rows = self.weight.reshape(1, self.out_channels, -1)
        weight = functional.batch_norm(rows, None, None, training=True, momentum=0.0, eps=1e-6)
        out: Tensor = self._conv_forward(x, weight.reshape_as(self.weight), self.bias)
        return out


@final
class Scaled(nn.Module):
    """Parameters used without a module: a scale per channel and a matrix product."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 3, bias=False)
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, 6).reshape(6, 1, 1))
        self.matrix = nn.Parameter(torch.linspace(-1.0, 1.0, 12).reshape(6, 2))

    def forward(self, x: Tensor) -> Tensor:
        """``mean(conv(x) * scale) @ matrix``."""
        out: Tensor = (self.conv(x) * self.scale).mean((2, 3)) @ self.matrix
        return out
