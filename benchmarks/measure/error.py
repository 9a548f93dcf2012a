"""How far a pruned network is from the dense one with the same channels masked."""

from typing import Any

import torch
from torch import Tensor, nn

from cpruner import Candidate, PruningSpace
from cpruner.space import evaluating
from cpruner.space.proof.proof import compare

#: Above this many parameters two copies in float64 do not fit a small machine, and float32 has to do.
LARGE = 100_000_000
#: Greatest relative error that counts as equal, by precision.
TOLERANCE = {"float64": 1e-5, "float32": 1e-3}


def precision_for(params: int) -> str:
    """Precision of the comparison for a network of this size."""
    return "float32" if params > LARGE else "float64"


def masking_error(
    model: nn.Module, space: PruningSpace, candidate: Candidate, inputs: tuple[Any, ...], precision: str
) -> float:
    """Greatest difference of any output, relative to the greatest absolute value of that output.

    Where statistics run across pruned channels, the masked network takes them over the kept ones only.

    Args:
        model: The dense network; it is converted to ``precision`` in place, so measure this last.
        space: Its space.
        candidate: What to keep.
        inputs: Positional arguments.
        precision: A key of ``TOLERANCE``.
    """
    dtype = getattr(torch, precision)
    model.to(dtype)
    inputs = tuple(value.to(dtype) if isinstance(value, Tensor) else value for value in inputs)
    with torch.no_grad(), evaluating(model):
        found = compare(model, space, candidate, inputs, float("inf"))
    return found if isinstance(found, float) else float("inf")


def relative(value: Tensor, reference: Tensor) -> float:
    """Greatest absolute difference over the greatest absolute reference; infinite where either is not finite."""
    if value.shape != reference.shape or not bool(torch.isfinite(value).all() & torch.isfinite(reference).all()):
        return float("inf")
    scale = float(reference.abs().max())
    return float((value - reference).abs().max()) / (scale or 1.0)
