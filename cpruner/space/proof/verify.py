"""Prove a space on the network itself: rewrite what cannot express smaller sizes, freeze what still fails."""

import copy
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate
from cpruner.errors import TraceError
from cpruner.space.capture import Capture
from cpruner.space.freeze import freeze
from cpruner.space.proof.proof import Fault, compare, first_fault, guilty, scattered
from cpruner.space.proof.stir import stirred
from cpruner.space.run import as_inputs, fresh, run, untouched
from cpruner.space.space import PruningSpace

#: Largest relative difference: in float64, and in the model's own precision where it does not run in float64.
_STRICT, _LOOSE = 1e-5, 1e-2
#: From this many parameters on, ``trace`` does not spend the memory on copies in float64.
_LARGE = 100_000_000


@dataclass(frozen=True)
class Proof:
    """What comparing smaller networks with the masked dense one came to.

    Args:
        space: The space, without the groups that failed.
        error: Largest difference relative to the largest result, over all candidates that hold.
        candidates: How many were compared.
        dtype: Precision of the comparison.
    """

    space: PruningSpace
    error: float
    candidates: int
    dtype: torch.dtype


def verify(space: PruningSpace, model: nn.Module, example_inputs: Any, *, candidates: int = 3, seed: int = 0) -> Proof:
    """Compare random candidates with the masked dense network, in float64 where the model runs in it.

    Args:
        space: The space to prove; unchanged.
        model: The network it was traced from; untouched.
        example_inputs: One tensor, or a tuple of positional arguments.
        candidates: How many random candidates, beside half and one channel of every group.
        seed: Seed of the candidates.

    Returns:
        The proof. Groups that break, found by bisection, are frozen in its space with the reason.

    Raises:
        TraceError: The model does not run on the inputs.
    """
    inputs, generator = as_inputs(example_inputs), np.random.default_rng(seed)
    with untouched(model):
        reference, inputs, dtype = _precise(model, inputs)
        tolerance = _STRICT if dtype == torch.float64 else _LOOSE
        faults = guilty(reference, space, [inputs], tolerance, range(len(space.groups)))
        if dtype == torch.float64 and any(_mixes_types(fault) for fault in faults.values()):
            reference, inputs, tolerance = stirred(model), as_inputs(example_inputs), _LOOSE
            dtype = next(p.dtype for p in model.parameters())
            faults = guilty(reference, space, [inputs], tolerance, range(len(space.groups)))
        while faults:
            space = freeze(space, {group: fault.reason for group, fault in faults.items()})
            faults = guilty(reference, space, [inputs], tolerance, range(len(space.groups)))
        mixed = scattered(space, seed)
        chosen = [mixed.uniform(0.5), mixed.smallest(), *(mixed.random(generator) for _ in range(candidates))]
        errors = [_error(reference, space, candidate, inputs, tolerance) for candidate in chosen]
    return Proof(space, max(errors), len(chosen), dtype)


def _error(
    model: nn.Module, space: PruningSpace, candidate: Candidate, inputs: tuple[Any, ...], tolerance: float
) -> float:
    found = compare(model, space, candidate, inputs, tolerance)
    if isinstance(found, Fault):
        raise TraceError(
            f"space: expected candidate {candidate.widths} to compute what the masked network does: {found.reason}. "
            "Each group holds alone; exclude some of them (exclude=...) and report the network."
        )
    return found


def _precise(model: nn.Module, inputs: tuple[Any, ...]) -> tuple[nn.Module, tuple[Any, ...], torch.dtype]:
    """A stirred copy in float64, or in the model's own precision where it does not run in float64."""
    reference = stirred(model)
    try:
        double = copy.deepcopy(reference).double()
        precise = _as(torch.float64, inputs)
        run(double, fresh(precise))
    except (TraceError, RuntimeError):
        return reference, inputs, next((p.dtype for p in model.parameters()), torch.float32)
    return double, precise, torch.float64


def _as(dtype: torch.dtype, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x.to(dtype) if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs)


@dataclass(frozen=True)
class _Judge:
    """The network that cuts are compared on, its inputs, and how much may differ."""

    model: nn.Module
    inputs: tuple[tuple[Any, ...], ...]
    tolerance: float

    @classmethod
    def of(cls, capture: Capture) -> "_Judge":
        """In float64 where that is possible and small."""
        large = sum(parameter.numel() for parameter in capture.model.parameters()) >= _LARGE
        if large:
            return cls.loose(capture)
        model, inputs, dtype = _precise(capture.model, capture.inputs)
        if dtype != torch.float64:
            return cls.loose(capture)
        return cls(model, (inputs, _as(dtype, capture.larger or capture.inputs)), _STRICT)

    @classmethod
    def loose(cls, capture: Capture) -> "_Judge":
        """In its own precision."""
        return cls(stirred(capture.model), (capture.inputs, capture.larger or capture.inputs), _LOOSE)

    def first_fault(self, space: PruningSpace) -> Fault | None:
        return first_fault(self.model, space, self.inputs, self.tolerance, range(len(space.groups)))

    def guilty(self, space: PruningSpace) -> dict[int, Fault]:
        return guilty(self.model, space, self.inputs, self.tolerance, range(len(space.groups)))


def prove(capture: Capture) -> PruningSpace:
    """The space of a captured run, after smaller networks have run and been compared.

    A module that fails gets a program (see ``programs``), then the modules around what fails, and only then are the
    groups that fail frozen.

    Raises:
        TraceError: The model does not compute the same twice.
    """
    if capture.random:
        capture.check_repeatable()  # by luck, what is random may pass every comparison
    rewritten = dict[str, str]()
    space, found = capture.space(rewritten)
    judge = _Judge.of(capture)
    while fault := judge.first_fault(space):
        if judge.tolerance == _STRICT and _mixes_types(fault):
            judge = _Judge.loose(capture)
            continue
        tried = {*found.written, *found.failed, *rewritten}
        if fault.path is not None and fault.path not in tried:
            rewritten[fault.path] = fault.reason
        else:
            bad = judge.guilty(space)
            suspects = capture.touching(space, bad) - tried
            if not suspects or len(bad) >= max(2, len(space.groups)):
                capture.check_repeatable()
                return _frozen(judge, space, bad)
            rewritten |= dict.fromkeys(suspects, next(iter(bad.values())).reason)
        larger = capture.larger
        space, found = capture.space(rewritten)
        judge = judge if capture.larger is larger else _Judge.of(capture)
    return space


def _mixes_types(fault: Fault) -> bool:
    """Whether a network fails in float64 only: casts that do nothing in its own precision are in no program."""
    return re.search(r"dtype|scalar type", fault.reason) is not None


def _frozen(judge: _Judge, space: PruningSpace, faults: dict[int, Fault]) -> PruningSpace:
    while faults:
        space = freeze(space, {group: fault.reason for group, fault in faults.items()})
        faults = judge.guilty(space)
    return space
