"""Cut a candidate out of its dense network: a real, smaller ``nn.Module``."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cpruner.candidate.candidate import Candidate
from cpruner.candidate.clone import Template, rebuilt
from cpruner.candidate.gather import Selection, gather
from cpruner.candidate.plan import Plan
from cpruner.candidate.replay import install
from cpruner.candidate.tensors import named_tensors
from cpruner.errors import ArtefactError


def materialise(model: nn.Module, candidate: Candidate) -> nn.Module:
    """Build the smaller network; ``model`` is untouched.

    Args:
        model: The dense network the candidate's space was traced from, or a fresh one of the same structure.
        candidate: What to keep.

    Returns:
        A network of the same class, on the same device and in the same mode. Modules whose code states sizes run a
        program instead (same class, attributes, children and tensor names).

    Raises:
        ArtefactError: The model does not have the tensors the candidate was made for.
    """
    return Surgeon(model, candidate.plan)(candidate)


@final
class Surgeon:
    """Cuts many candidates out of one network: what has to be cut where is looked up once.

    The module tree is copied with every tensor already replaced by its kept slices, so only kept bytes are copied.

    Args:
        model: The dense network; its weights may change between two cuts, its modules may not.
        plan: The plan of the candidates.

    Raises:
        ArtefactError: The model does not have the tensors of the plan.
    """

    def __init__(self, model: nn.Module, plan: Plan) -> None:
        modules = dict(model.named_modules())
        check_structure(dict(named_tensors(model)), plan)
        stated = {size.module for size in plan.attributes} | {program.module for program in plan.programs}
        missing = stated - modules.keys()
        if missing:
            raise ArtefactError(
                f"model: expected a module '{min(missing)}', got none. The candidate was made for another model."
            )
        self._plan, self._template = plan, Template(model)
        cut = plan.cuts_of  # plain tensors that are not cut are copied like other attributes
        # many tensors are cut in the same way: every way has a number
        ways: dict[tuple[tuple[int, int], ...], int] = {(): 0}
        self._stores = [
            (store, key, ways.setdefault(_way(plan, f"{path}.{key}".lstrip(".")), len(ways)))
            for path, module in modules.items()
            for store in (module._buffers, module._parameters, module.__dict__)
            for key, tensor in store.items()
            if isinstance(tensor, Tensor) and (store is not module.__dict__ or f"{path}.{key}".lstrip(".") in cut)
        ]
        self._ways, self._lengths = list(ways), [len(labels) for labels in plan.labels]
        check_attributes(modules, plan)
        self._sizes = [(modules[size.module], size.attribute, size.labels, size.form) for size in plan.attributes]
        self._programs = [(modules[program.module], program) for program in plan.programs]

    def __call__(self, candidate: Candidate) -> nn.Module:
        """Build the smaller network.

        Raises:
            ArtefactError: The candidate has another plan.
        """
        if candidate.plan is not self._plan and candidate.structure != self._plan.fingerprint:
            raise ArtefactError("candidate: expected one of this network's space, got another. Trace the network anew.")
        with _uncollected():
            return self._cut(candidate)

    def _cut(self, candidate: Candidate) -> nn.Module:
        kept, memo = candidate.kept_indices, dict[int, Any]()
        chosen: dict[torch.device, list[list[Selection]]] = {}
        with torch.no_grad():
            for store, key, way in self._stores:
                tensor = store.get(key)
                if tensor is None or id(tensor) in memo:
                    continue
                device = tensor.device
                if device not in chosen:
                    chosen[device] = self._chosen(kept, device)
                memo[id(tensor)] = rebuilt(tensor, gather(tensor, chosen[device][way]))
        small = self._template.copy(memo)
        for module, attribute, labels, form in self._sizes:
            count = len(kept[labels])
            memo[id(module)].__dict__[attribute] = (count,) if form == "tuple" else count
        for module, program in self._programs:
            install(memo[id(module)], program, candidate, next(iter(chosen), None))
        return small

    def _chosen(self, kept: Sequence[NDArray[np.int64]], device: torch.device) -> list[list[Selection]]:
        """What every way of cutting selects; axes of which everything stays are left out."""
        there = _on(device, kept)
        whole = [len(index) == length for index, length in zip(kept, self._lengths, strict=True)]
        return [[(axis, kept[n], there[n]) for axis, n in way if not whole[n]] for way in self._ways]


@contextmanager
def _uncollected() -> Iterator[None]:
    """Thousands of objects are made that all live on: looking for garbage among them in between finds none."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if before:
            gc.enable()


def _way(plan: Plan, name: str) -> tuple[tuple[int, int], ...]:
    """Axes of a tensor that are cut, the first one first, and the places of their labels."""
    return tuple(sorted((cut.axis, cut.labels) for cut in plan.cuts_of.get(name, ())))


def _on(device: torch.device, kept: Sequence[NDArray[np.int64]]) -> Sequence[Tensor]:
    """All kept indices on a device, moved in one piece."""
    if device.type == "cpu" or not kept:
        return [torch.from_numpy(index) for index in kept]
    whole = torch.from_numpy(np.concatenate(kept)).to(device)
    parts: tuple[Tensor, ...] = whole.split([len(index) for index in kept])
    return parts


def check_structure(tensors: Mapping[str, Tensor], plan: Plan) -> None:
    """Refuse a model that lacks a tensor of the plan, or has it in another size.

    Raises:
        ArtefactError: Naming the first tensor that differs.
    """
    for cut in plan.cuts:
        if cut.tensor not in tensors:
            raise ArtefactError(
                f"model: expected a tensor '{cut.tensor}', got none. The candidate was made for another model."
            )
        shape, length = tensors[cut.tensor].shape, len(plan.labels[cut.labels])
        if len(shape) <= cut.axis or shape[cut.axis] != length:
            raise ArtefactError(
                f"model: expected '{cut.tensor}' with {length} indices on axis {cut.axis}, got shape {tuple(shape)}. "
                "The candidate was made for another model (is it the dense one?)."
            )


def check_attributes(modules: Mapping[str, nn.Module], plan: Plan) -> None:
    """Refuse a model that has no such count where the plan patches one.

    Raises:
        ArtefactError: Naming the first attribute that differs.
    """
    for size in plan.attributes:
        length = len(plan.labels[size.labels])
        found = modules[size.module].__dict__.get(size.attribute)
        if (tuple(found) if isinstance(found, tuple | list) else found) != (
            (length,) if size.form == "tuple" else length
        ):
            raise ArtefactError(
                f"model: expected '{size.module}.{size.attribute}' to count {length}, got {found!r:.200}. "
                "The candidate was made for another model (is it the dense one?)."
            )
