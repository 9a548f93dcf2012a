"""Keeps a parameter-free module with baked sizes working on fewer channels."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class Rewired(nn.Module):
    """Scatter the kept channels to dense width, run the module as it is, gather the kept outputs.

    Holds no parameters and nothing in ``state_dict``, so the names of a saved network do not change.

    Args:
        inner: The original module.
        axis: Channel axis of its input and output.
        inputs: Kept input channels.
        width: Dense number of input channels.
        outputs: Kept output channels.
    """

    def __init__(
        self, inner: nn.Module, axis: int, inputs: NDArray[np.int64], width: int, outputs: NDArray[np.int64]
    ) -> None:
        super().__init__()
        self.inner, self.axis, self.training = inner, axis, inner.training
        source = np.full(width, len(inputs), dtype=np.int64)
        source[inputs] = np.arange(len(inputs))
        self.source: Tensor
        self.outputs: Tensor
        self.register_buffer("source", torch.from_numpy(source), persistent=False)
        self.register_buffer("outputs", torch.from_numpy(outputs), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Same function as the original module on the kept channels, with zeros for the removed ones."""
        zero = torch.zeros_like(inputs.narrow(self.axis, 0, 1))
        dense = torch.cat([inputs, zero], self.axis).index_select(self.axis, self.source.to(inputs.device))
        result: Tensor = self.inner(dense)
        return result.index_select(self.axis, self.outputs.to(inputs.device))
