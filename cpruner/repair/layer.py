"""A convolution or linear layer as a matrix product: sampled input rows and output rows.

Axis letters: M sampled rows, D inputs of one output value (channels x kernel taps), O outputs.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional


@dataclass(frozen=True)
class Positions:
    """Where rows are sampled: image, row and column of the output, each of shape (M,)."""

    image: Tensor
    row: Tensor
    column: Tensor

    @classmethod
    def draw(cls, output: Tensor, per_image: int, generator: torch.Generator) -> "Positions":
        """Draw ``per_image`` output positions of every image, with replacement; all of them if there are no more.

        Args:
            output: Output of the layer, (N, O, H, W) or (N, ..., O).
            per_image: Number of positions.
            generator: CPU generator.
        """
        images = output.shape[0]
        height, width = output.shape[2:] if output.ndim == 4 else (output[0].numel() // output.shape[-1], 1)
        count = min(per_image, height * width)
        image = torch.arange(images).repeat_interleave(count)
        if count == height * width:
            place = torch.arange(count).repeat(images)
        else:
            place = torch.randint(height * width, (images * count,), generator=generator)
        row, column = place // width, place % width
        return cls(image.to(output.device), row.to(output.device), column.to(output.device))


def refittable(module: nn.Module) -> bool:
    """Layers the refit understands: plain 2-d convolutions with numeric zero padding, and linear layers.

    A class with a forward of its own may do anything to its weight (standardise it, say).
    """
    if type(module).forward not in (nn.Conv2d.forward, nn.Linear.forward):
        return False
    if isinstance(module, nn.Conv2d):
        return module.groups == 1 and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return isinstance(module, nn.Linear)


def input_rows(module: nn.Module, inputs: Tensor, at: Positions) -> Tensor:
    """Rows X of the product Y = X W' + b at the sampled positions, shape (M, D), float32 or float64."""
    if isinstance(module, nn.Conv2d):
        rows = _patches(module, inputs, at)
    else:
        rows = inputs.flatten(1, -2)[at.image, at.row] if inputs.ndim > 2 else inputs[at.image]
    return _real(rows)


def _patches(module: nn.Conv2d, inputs: Tensor, at: Positions) -> Tensor:
    pad_h, pad_w = int(module.padding[0]), int(module.padding[1])
    step_h, step_w = module.stride
    padded = functional.pad(inputs, (pad_w, pad_w, pad_h, pad_h))
    taps = [
        padded[at.image, :, at.row * step_h + i * module.dilation[0], at.column * step_w + j * module.dilation[1]]
        for i in range(module.kernel_size[0])
        for j in range(module.kernel_size[1])
    ]
    return torch.stack(taps, dim=2).flatten(1)


def output_rows(module: nn.Module, output: Tensor, at: Positions) -> Tensor:
    """Rows Y at the sampled positions, shape (M, O), float32 or float64."""
    if isinstance(module, nn.Conv2d):
        return _real(output[at.image, :, at.row, at.column])
    return _real(output.flatten(1, -2)[at.image, at.row] if output.ndim > 2 else output[at.image])


def _real(rows: Tensor) -> Tensor:
    """Half precision is too coarse for sums of squares."""
    return rows if rows.dtype == torch.float64 else rows.float()


def expand_taps(channels: Tensor, module: nn.Module) -> Tensor:
    """Indices along D of the given input channels: all kernel taps of each."""
    taps = module.kernel_size[0] * module.kernel_size[1] if isinstance(module, nn.Conv2d) else 1
    return (channels[:, None] * taps + torch.arange(taps, device=channels.device)).flatten()
