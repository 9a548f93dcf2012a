"""Counts of a network as it stands, by torch's own counter: the judge of what a pruning engine predicts."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from cpruner.constraint.steady import without_gradients


def parameters(network: nn.Module) -> int:
    """Number of parameters; a shared tensor counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def macs(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[float, list[Tensor]]:
    """Multiply-adds of one forward pass, and the tensors it returns."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), without_gradients(network), slow_attention(), counter:
        output = network(*inputs)
    return counter.get_total_flops() / 2, tensors(output)


@contextmanager
def slow_attention() -> Iterator[None]:
    """Without torch's fused attention for inference: ``FlopCounterMode`` has no formula for it and would count zero."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def tensors(output: Any) -> list[Tensor]:
    """Tensors in nested tuples, lists and dicts, in order."""
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]


def shapes(output: list[Tensor]) -> list[list[int]]:
    """Their shapes, as plain lists."""
    return [list(tensor.shape) for tensor in output]
