"""Counts of a network as it stands, by torch's own counter: the judge of what a pruning engine predicts."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from cpruner.constraint.steady import without_gradients
from cpruner.space import evaluating


def parameters(network: nn.Module) -> int:
    """Number of parameters; a shared tensor counts once."""
    return sum(parameter.numel() for parameter in network.parameters())


def macs(network: nn.Module, inputs: tuple[Any, ...]) -> tuple[float, list[Tensor]]:
    """Multiply-adds of one forward pass in eval mode, and the tensors it returns.

    Without the fused attention and recurrent layers, for which ``FlopCounterMode`` has no formula: it would count zero.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), without_gradients(network), evaluating(network), counter:
        output = network(*inputs)
    return counter.get_total_flops() / 2, tensors(output)


def tensors(output: Any) -> list[Tensor]:
    """Tensors in nested tuples, lists and dicts, in order."""
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]


def shapes(output: list[Tensor]) -> list[list[int]]:
    """Their shapes, as plain lists."""
    return [list(tensor.shape) for tensor in output]
