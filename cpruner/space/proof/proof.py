"""Compare a smaller network with the dense one with the removed slices at zero.

A trace sees the sizes a forward pass used, not where they came from: ``x.view(-1, 400)`` and ``x.flatten(1)`` look the
same. Only a smaller network that runs tells them apart.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from cpruner.candidate import Candidate, masked_copy, materialise
from cpruner.errors import TraceError
from cpruner.space.group import Across
from cpruner.space.proof.kept_norm import Kept, KeptNorm
from cpruner.space.run import fresh, tensors_of
from cpruner.space.space import PruningSpace


@dataclass(frozen=True)
class Fault:
    """What is wrong with a cut network: the reason, and the module that was running when it failed."""

    reason: str
    path: str | None = None


def compare(
    model: nn.Module, space: PruningSpace, candidate: Candidate, inputs: tuple[Any, ...], tolerance: float
) -> Fault | float:
    """Run the smaller and the masked network.

    Where a normalisation runs across what was removed, the masked network normalises over what is kept.

    Args:
        model: The dense network, in eval mode; untouched.
        space: Its space.
        candidate: What to keep.
        inputs: Positional inputs.
        tolerance: Largest difference, relative to the largest result.

    Returns:
        The largest relative difference of any result, or the fault.

    Raises:
        TraceError: The network returns no tensor.
    """
    running: list[str] = []
    try:
        small = materialise(model, candidate)
        with _watched(small, running):
            results = tensors_of(small(*fresh(inputs)))
    except Exception as error:
        text = f"without some of its channels the network fails: {type(error).__name__}: {error}"
        return Fault(text, running[-1] if running else None)
    masked, given = masked_copy(model, candidate), fresh(inputs)
    with KeptNorm([_kept(candidate, norm) for norm in space.norms]):
        expected = tensors_of(masked(*given))
    if not expected:
        raise TraceError("model: expected tensors among its outputs, got none. Return what the network computes.")
    errors = [_difference(one, other) for one, other in zip(results, expected, strict=True)]
    worst = max(errors, default=0.0)
    if worst <= tolerance:
        return worst
    return Fault("without some of its channels the network computes something else than with these channels at zero")


def _kept(candidate: Candidate, norm: Across) -> Kept | None:
    if norm.channels is None:
        return None
    groups = None if norm.groups is None else len(candidate.indices(norm.groups))
    return Kept(torch.from_numpy(candidate.indices(norm.channels)), groups, norm.axis)


_CHECKING = (nn.MultiheadAttention, nn.Transformer)


@contextmanager
def _watched(network: nn.Module, running: list[str]) -> Iterator[None]:
    """Keep the paths of the modules that are running; those of a failed run stay in the list.

    Torch's own layers are left out: they fail because of what they are given, but for those that check sizes of their
    own.
    """
    paths = {
        id(module): path
        for path, module in network.named_modules()
        if not path or not type(module).__module__.startswith("torch.nn") or isinstance(module, _CHECKING)
    }

    def enter(module: nn.Module, _args: Any) -> None:
        if id(module) in paths:
            running.append(paths[id(module)])

    def leave(module: nn.Module, _args: Any, _output: Any) -> None:
        if id(module) in paths:
            running.pop()

    handles = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave)]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _difference(result: Tensor, expected: Tensor) -> float:
    """Largest difference relative to the largest number.

    Where the mask itself divides by zero, and on the meta device, nothing but the shape can be said.
    """
    if result.shape != expected.shape:
        return float("inf")
    if (
        expected.is_meta
        or not expected.is_floating_point()
        or not expected.numel()
        or not bool(torch.isfinite(expected).all())
    ):
        return 0.0
    error = float((result.double() - expected.double()).abs().max())
    return error / max(float(expected.double().abs().max()), 1e-12)


def scattered(space: PruningSpace, seed: int = 0) -> PruningSpace:
    """The space with its channels ranked at random."""
    generator = np.random.default_rng(seed)
    return space.ranked(tuple(tuple(generator.permutation(size).tolist()) for size in space.sizes))


def guilty(
    model: nn.Module, space: PruningSpace, inputs: Sequence[tuple[Any, ...]], tolerance: float, groups: Sequence[int]
) -> dict[int, Fault]:
    """Find the groups whose removal breaks the network, by bisection; groups that only fail together are all guilty.

    Args:
        model: The dense network, in eval mode.
        space: Its space.
        inputs: Inputs to use in turn for the different cuts.
        tolerance: See ``compare``.
        groups: Which groups to try.
    """
    fault = first_fault(model, space, inputs, tolerance, groups)
    if fault is None:
        return {}
    if len(groups) == 1:
        return {groups[0]: fault}
    half = len(groups) // 2
    found = guilty(model, space, inputs, tolerance, groups[:half])
    found |= guilty(model, space, inputs, tolerance, groups[half:])
    return found or dict.fromkeys(groups, fault)


def first_fault(
    model: nn.Module, space: PruningSpace, inputs: Sequence[tuple[Any, ...]], tolerance: float, groups: Sequence[int]
) -> Fault | None:
    """Cut the given groups in a few ways (see ``_cuts``) and return what goes wrong first."""
    for number, candidate in enumerate(_cuts(space, groups)):
        found = compare(model, space, candidate, inputs[number % len(inputs)], tolerance)
        if isinstance(found, Fault):
            return found
    return None


def _cuts(space: PruningSpace, groups: Sequence[int]) -> list[Candidate]:
    """Every other one of the chosen groups at about half its width and the rest at one unit; then the other way.

    Neighbours differ, and so do groups of one size (half, half and one more, ...): a size that is taken from the wrong
    one shows. What is kept is scattered: the first channels of a group would not show that two have changed places.
    """
    space, sizes = scattered(space), space.sizes
    candidates = []
    for parity in (0, 1) if groups else ():
        widths, alike = list(sizes), Counter[int]()
        for place, group in enumerate(groups):
            size = sizes[group]
            widths[group] = 1 + ((size - 1) // 2 + alike[size]) % size if place % 2 == parity else 1
            alike[size] += place % 2 == parity
        candidates.append(space.best(widths))
    return candidates
