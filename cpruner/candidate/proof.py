"""Prove a space on the network itself: cut it, run it, compare with the mask, and freeze the groups that fail.

A trace sees the sizes a forward pass used, not where they came from: ``x.view(-1, 400)`` and ``x.flatten(1)`` look the
same. Only a smaller network that runs tells them apart.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.candidate.mask import masked
from cpruner.candidate.surgery import materialise
from cpruner.space import Candidate, PruningSpace, as_inputs, freeze, keep_best, tensors_of, untouched


def proven(model: nn.Module, space: PruningSpace, example_inputs: Any) -> PruningSpace:
    """Freeze every group whose removal breaks the network or makes it compute something else than the mask does.

    All groups are cut at once, to half and to one channel; only if that fails are the guilty ones found by bisection.

    Args:
        model: The dense network; untouched.
        space: Its space, from ``trace``.
        example_inputs: One tensor, or a tuple of positional arguments, as given to ``trace``.

    Returns:
        The same space, without the groups that fail and with the reason for each.
    """
    reference, inputs = copy.deepcopy(model).eval(), as_inputs(example_inputs)
    with untouched(reference), torch.no_grad():
        while reasons := _guilty(reference, space, inputs, range(len(space.groups))):
            space = freeze(space, reasons)
    return space


def _guilty(model: nn.Module, space: PruningSpace, inputs: tuple[Any, ...], groups: Sequence[int]) -> dict[int, str]:
    """Reasons by group; groups that only fail together are all guilty."""
    reason = next((fault for c in _cuts(space, groups) if (fault := _fault(model, c, inputs))), None)
    if reason is None:
        return {}
    if len(groups) == 1:
        return {groups[0]: reason}
    half = len(groups) // 2
    found = _guilty(model, space, inputs, groups[:half]) | _guilty(model, space, inputs, groups[half:])
    return found or dict.fromkeys(groups, reason)


def _cuts(space: PruningSpace, groups: Sequence[int]) -> list[Candidate]:
    """Two candidates: the given groups at half their width, and at one channel."""
    chosen, sizes = set(groups), space.sizes
    widths = [
        [max(1, size // divisor) if g in chosen else size for g, size in enumerate(sizes)]
        for divisor in (2, max(sizes, default=2))
    ]
    return [keep_best(space.plan, space.ranking, width) for width in widths] if chosen else []


def _fault(model: nn.Module, candidate: Candidate, inputs: tuple[Any, ...]) -> str | None:
    """What is wrong with the cut network, or None."""
    try:
        results = tensors_of(materialise(model, candidate)(*inputs))
    except Exception as error:
        return f"without some of its channels the network fails: {type(error).__name__}: {error}"
    with masked(model, candidate):
        expected = tensors_of(model(*inputs))
    if all(_alike(one, other) for one, other in zip(results, expected, strict=True)):
        return None
    return "without some of its channels the network computes something else than with these channels at zero"


def _alike(result: Tensor, expected: Tensor) -> bool:
    """Equal up to rounding; where the mask itself divides by zero nothing can be said."""
    if result.shape != expected.shape:
        return False
    if not expected.is_floating_point() or not bool(torch.isfinite(expected).all()):
        return True
    tolerance = max(1e-2, 16 * torch.finfo(expected.dtype).eps)
    return bool((result - expected).abs().max() <= tolerance * expected.abs().max() + 1e-12)
