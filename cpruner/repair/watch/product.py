"""A convolution or linear map as a batch of matrix products: sampled rows of inputs and outputs, weights as matrices.

Axis letters: G convolution groups (1 for everything else), M sampled rows, D inputs of one output value (channels x
kernel taps), O outputs of one group, N images, C channels.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from cpruner.repair.watch.window import Windows, picked, unravelled


@dataclass(frozen=True)
class Product:
    """Geometry of Y = X W + b.

    Args:
        groups: Convolution groups; inputs and outputs of different groups do not meet.
        taps: Kernel size; empty for a linear map.
        stride: Per spatial axis.
        padding: Zeros added on both sides, per spatial axis.
        dilation: Per spatial axis.
        inputs_first: Whether axis 0 of a linear map's weight runs along its inputs (``x @ w`` instead of ``x @ w.T``).
    """

    groups: int = 1
    taps: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    inputs_first: bool = False

    @property
    def axes(self) -> tuple[int, int]:
        """Output axis and input axis of the weight."""
        return (1, 0) if self.inputs_first else (0, 1)

    def rows(self, entering: Tensor) -> int:
        """How many rows there are to sample from: one per image and position of the output."""
        return math.prod(self._positions(entering))

    def inputs(self, entering: Tensor, at_M: Tensor) -> Tensor:
        """Rows X at positions of the output, (G, M, D), float32 or float64."""
        return self.reader(entering, len(at_M))(at_M)

    def reader(self, entering: Tensor, count: int) -> Callable[[Tensor], Tensor]:
        """The same in portions of ``count`` rows altogether; what they share is done once."""
        if not self.taps:
            return lambda at_M: _real(entering[at_M])[None]
        read = Windows(
            entering,
            self._positions(entering)[1:],
            taps=self.taps,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            count=count,
        )
        return lambda at_M: self._split(_real(read(at_M)).flatten(1))

    def outputs(self, output: Tensor, at_M: Tensor) -> Tensor:
        """Rows Y at the same positions, (G, M, O), float32 or float64."""
        output = picked(output, unravelled(at_M, (len(output), *output.shape[2:]))) if self.taps else output[at_M]
        return self._split(_real(output))

    def width(self, weight: Tensor) -> int:
        """Inputs of one row, over all groups."""
        return self.groups * weight.numel() // weight.shape[self.axes[0]]

    def matrix(self, weight: Tensor) -> Tensor:
        """A weight as W (G, D, O)."""
        if self.inputs_first:
            return weight[None]
        return weight.reshape(self.groups, -1, weight[0].numel()).transpose(1, 2)

    def weight(self, w_GDO: Tensor, like: Tensor) -> Tensor:
        """W in the shape of the weight ``like``."""
        return w_GDO[0] if self.inputs_first else w_GDO.transpose(1, 2).reshape(like.shape)

    def _split(self, rows_MN: Tensor) -> Tensor:
        """Rows by group, (G, M, N / G); there may be none."""
        count, size = rows_MN.shape
        return rows_MN.view(count, self.groups, size // self.groups).transpose(0, 1)

    def _positions(self, entering: Tensor) -> tuple[int, ...]:
        """Images and spatial sizes of the output."""
        axes = zip(entering.shape[2:], self.taps, self.stride, self.padding, self.dilation, strict=bool(self.taps))
        sizes = ((size + 2 * pad - gap * (tap - 1) - 1) // step + 1 for size, tap, step, pad, gap in axes)
        return (len(entering), *sizes)

    def taps_of(self, channels: Tensor) -> Tensor:
        """Indices along D of input channels (counted inside a group): all kernel taps of each."""
        count = math.prod(self.taps)
        return (channels[:, None] * count + torch.arange(count, device=channels.device)).flatten()


def _real(rows: Tensor) -> Tensor:
    """Half precision is too coarse for sums of squares."""
    return rows if rows.dtype == torch.float64 else rows.float()
