"""Trace a network and hold its space against the mask: several candidates, several batch sizes."""

from typing import Any

import numpy as np
import torch
from invariants import check, reference, run
from torch import Tensor, nn

from cpruner.candidate import materialise
from cpruner.space import Candidate, PruningSpace, trace


def arbitrary(space: PruningSpace, generator: np.random.Generator) -> Candidate:
    """Any channels, not only the best-ranked ones."""
    widths = [generator.integers(1, size + 1) for size in space.sizes]
    kept = [generator.choice(size, width, replace=False) for size, width in zip(space.sizes, widths, strict=True)]
    return Candidate(tuple(tuple(sorted(group.tolist())) for group in kept), space.plan)


def agree(model: nn.Module, inputs: tuple[Any, ...], space: PruningSpace, candidate: Candidate) -> nn.Module:
    """Assert that the smaller network computes what the masked one computes, on any inputs; return it."""
    small = materialise(model, candidate)
    results, expected = run(small, inputs), reference(model, inputs, space, candidate)
    assert len(results) == len(expected) > 0
    for result, wanted in zip(results, expected, strict=True):
        assert result.shape == wanted.shape
        assert (result - wanted).abs().max() <= 1e-9 * wanted.abs().max()
    return small


def of_batch(inputs: tuple[Any, ...], batch: int) -> tuple[Any, ...]:
    """Other inputs of the same kind for another batch size: the examples in turn, each a little different."""
    return tuple(_resized(value, batch) if isinstance(value, Tensor) else value for value in inputs)


def _resized(value: Tensor, batch: int) -> Tensor:
    taken = value[torch.arange(batch) % len(value)]
    if not value.is_floating_point():
        return taken
    return taken * torch.linspace(0.5, 1.5, taken.numel(), dtype=value.dtype).reshape(taken.shape)


def thorough(model: nn.Module, *inputs: Any, batches: tuple[int, ...] = (1, 3)) -> PruningSpace:
    """The space of a float64 network, after both invariants have held for five candidates at several batch sizes."""
    space = trace(model, inputs)
    generator = np.random.default_rng(0)
    chosen = [space.dense(), space.smallest(), space.uniform(0.5)]
    for candidate in [*chosen, *(arbitrary(space, generator) for _ in range(2))]:
        check(model, inputs, space, candidate)
        for batch in batches:
            agree(model, of_batch(inputs, batch), space, candidate)
    return space
