"""A network captured as a CUDA graph, batch shape by batch shape."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from cpruner.errors import InputError


@dataclass(frozen=True)
class _Captured:
    """One graph, with the tensors it reads and writes."""

    graph: torch.cuda.CUDAGraph
    inputs: Tensor
    output: Tensor


@final
class Graphed:
    """The network as a function; the first batch of a shape is captured, the following ones are replayed.

    One forward pass warms up and one is captured, so it can only pay where a shape comes more often than that.

    Args:
        network: In eval mode; called under ``torch.inference_mode``.
        device: Where it is.

    Raises:
        InputError: It is not on a CUDA device.
    """

    def __init__(self, network: nn.Module, device: torch.device) -> None:
        if device.type != "cuda":
            remedy = "Set cuda_graph=false."
            raise InputError("Judging.cuda_graph", expected="a network on a CUDA device", got=device, remedy=remedy)
        self._network, self._device = network, device
        self._captured: dict[torch.Size, _Captured] = {}

    def __call__(self, inputs: Tensor) -> Tensor:
        """Logits of one batch.

        Raises:
            InputError: The network does something that a graph cannot hold, such as reading a number back.
        """
        if inputs.shape not in self._captured:
            self._captured[inputs.shape] = self._capture(inputs)
        held = self._captured[inputs.shape]
        held.inputs.copy_(inputs)
        held.graph.replay()
        return held.output.clone()

    def _capture(self, inputs: Tensor) -> _Captured:
        own = inputs.clone(memory_format=torch.preserve_format)
        beside = torch.cuda.Stream(self._device)
        beside.wait_stream(torch.cuda.current_stream(self._device))
        with torch.cuda.stream(beside):
            self._network(own)
        torch.cuda.current_stream(self._device).wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                output = self._network(own)
        except RuntimeError as error:
            why = str(error).splitlines()[0]
            remedy = "Set cuda_graph=false."
            raise InputError(
                "Judging.cuda_graph", expected="a network that can be captured", got=why, remedy=remedy
            ) from error
        return _Captured(graph, own, output)
