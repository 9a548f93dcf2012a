"""What a convolution multiplies at sampled places of its output.

Axis letters: M sampled places, C channels, T kernel taps, P places of the padded input over all images.
"""

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor
from torch.nn import functional

#: Numbers read one by one cost about this many times as much as numbers copied in a row.
_SCATTERED = 4


@final
class Windows:
    """Reads windows of one input.

    Few windows are read where they lie; for many the input is copied once, channels last, so that what belongs
    together is read together.

    Args:
        entering: The input, (N, C, *spatial).
        spatial: Spatial sizes of the output.
        taps: Kernel size, per spatial axis.
        stride: Per spatial axis.
        padding: Zeros on both sides, per spatial axis.
        dilation: Per spatial axis.
        count: How many windows are going to be read.
    """

    def __init__(
        self,
        entering: Tensor,
        spatial: Sequence[int],
        *,
        taps: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        count: int,
    ) -> None:
        self._entering, self._shape, self._stride = entering, (len(entering), *spatial), stride
        self._shifts = [
            [tap * gap - pad for tap, gap, pad in zip(places(number, taps), dilation, padding, strict=True)]
            for number in range(math.prod(taps))
        ]
        self._padding, self._rows_PC = padding, None
        if count * len(self._shifts) * _SCATTERED > len(entering) * math.prod(entering.shape[2:]):
            sides = [side for pad in reversed(padding) for side in (pad, pad)]
            padded = functional.pad(entering.movedim(1, -1), [0, 0, *sides]).contiguous()
            self._sizes, self._rows_PC = padded.shape[1:-1], padded.flatten(0, -2)

    def __call__(self, at_M: Tensor) -> Tensor:
        """Windows at places of the output over all images, (M, C, T)."""
        image_M, *found = unravelled(at_M, self._shape)
        first = [place * step for place, step in zip(found, self._stride, strict=True)]
        if self._rows_PC is None:
            return torch.stack([self._scattered(image_M, first, shift) for shift in self._shifts], dim=2)
        at_MT = image_M[:, None]
        for axis, (size, pad) in enumerate(zip(self._sizes, self._padding, strict=True)):
            shift_T = torch.tensor([shift[axis] + pad for shift in self._shifts], device=at_M.device)
            at_MT = at_MT * size + first[axis][:, None] + shift_T
        return self._rows_PC[at_MT].transpose(1, 2)

    def _scattered(self, image_M: Tensor, first: Sequence[Tensor], shift: Sequence[int]) -> Tensor:
        """All channels one tap away, zero outside the image."""
        inside_M, where = torch.ones_like(image_M, dtype=torch.bool), []
        for place_M, offset, size in zip(first, shift, self._entering.shape[2:], strict=True):
            moved_M = place_M + offset
            inside_M &= (moved_M >= 0) & (moved_M < size)
            where.append(moved_M.clamp(0, size - 1))
        found_MC = picked(self._entering, [image_M, *where])
        return found_MC if not any(self._padding) else torch.where(inside_M[:, None], found_MC, 0)


def picked(values: Tensor, where: Sequence[Tensor]) -> Tensor:
    """All channels at places (image, *spatial), (M, C)."""
    found: Tensor = values.movedim(1, -1)[tuple(where)]
    return found


def unravelled(at_M: Tensor, shape: Sequence[int]) -> list[Tensor]:
    """Flat places as one index per axis."""
    found = []
    for size in reversed(shape):
        found.append(at_M % size)
        at_M = at_M // size
    return found[::-1]


def places(flat: int, shape: Sequence[int]) -> list[int]:
    """The same for one number."""
    found = []
    for size in reversed(shape):
        found.append(flat % size)
        flat //= size
    return found[::-1]
