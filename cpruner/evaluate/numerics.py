"""How a network is run while it is judged: number format, memory layout, batch size."""

import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.evaluate.graph import Graphed
from cpruner.evaluate.lent import channels_last, lent

Run = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Numerics:
    """One way of running a network; see ``Judging`` for the fields."""

    batch_size: int
    precision: str = "float32"
    channels_last: bool = False
    cuda_graph: bool = False

    @contextmanager
    def running(self, network: nn.Module) -> Iterator[Run]:
        """Lend a network as a function from a batch of inputs to logits; afterwards it is as it was.

        Raises:
            InputError: A CUDA graph was asked for and cannot be had.
        """
        with (
            lent(network) as where,
            channels_last(network) if self.channels_last else nullcontext(),
            torch.inference_mode(),
            self._autocast(where),
        ):
            forward: Run = Graphed(network, where) if self.cuda_graph else network

            def run(inputs: Tensor) -> Tensor:
                inputs = inputs.to(where, non_blocking=True)
                if self.channels_last and inputs.ndim == 4:
                    inputs = inputs.contiguous(memory_format=torch.channels_last)
                return forward(inputs)

            yield run

    def _autocast(self, device: torch.device) -> AbstractContextManager[Any]:
        if self.precision == "float32":
            return nullcontext()
        # inside a graph no cast weight may be kept from one call to the next
        return torch.autocast(device.type, getattr(torch, self.precision), cache_enabled=not self.cuda_graph)


def usual_batch(inputs: Tensor) -> int:
    """Images per batch where nobody asked for a number.

    On CPUs a batch whose activations stay in the cache is faster than a large one; elsewhere launching costs most.

    Args:
        inputs: Any batch of images, (B, ...), on the device they are judged on.
    """
    if inputs.device.type != "cpu":
        return 512
    return max(8, min(512, 200_000 // max(1, math.prod(inputs.shape[1:]))))
