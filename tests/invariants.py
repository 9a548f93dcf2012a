"""The two invariants of surgery, as assertions: the mask equals the smaller network, and the counts agree."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from cpruner.candidate import Candidate, masked, materialise
from cpruner.space import PruningSpace, tensors_of


def run(network: nn.Module, inputs: tuple[Any, ...]) -> list[Tensor]:
    """All output tensors, in a fixed order."""
    with torch.no_grad():
        return tensors_of(network(*inputs))


def check(model: nn.Module, inputs: tuple[Any, ...], space: PruningSpace, candidate: Candidate) -> nn.Module:
    """Assert both invariants for one candidate of a float64 network; return the smaller network."""
    small = materialise(model, candidate)
    with FlopCounterMode(display=False) as counter:
        results = run(small, inputs)
    counts = space.count(candidate)
    assert counter.get_total_flops() == counts.flops == 2 * counts.macs
    assert sum(parameter.numel() for parameter in small.parameters()) == counts.params
    with masked(model, candidate):
        expected = run(model, inputs)
    assert len(results) == len(expected) > 0
    for result, reference in zip(results, expected, strict=True):
        assert result.shape == reference.shape
        assert torch.isfinite(reference).all()
        assert (result - reference).abs().max() <= 1e-9 * reference.abs().max()
    return small
