"""Cut a candidate out of its dense network: a real, smaller ``nn.Module``."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from cpruner.candidate.candidate import Candidate
from cpruner.candidate.clone import Template, rebuilt
from cpruner.candidate.gather import gather
from cpruner.candidate.plan import Plan
from cpruner.candidate.replay import install
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
        check_structure(dict(_tensors(modules)), plan)
        stated = {size.module for size in plan.attributes} | {program.module for program in plan.programs}
        missing = stated - modules.keys()
        if missing:
            raise ArtefactError(
                f"model: expected a module '{min(missing)}', got none. The candidate was made for another model."
            )
        self._plan, self._template = plan, Template(model)
        self._stores = [
            (store, key, [(cut.axis, cut.labels) for cut in plan.cuts_of.get(f"{path}.{key}".lstrip("."), ())])
            for path, module in modules.items()
            for store in (module._buffers, module._parameters)
            for key, tensor in store.items()
            if tensor is not None
        ]
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
        kept, memo = candidate.kept_indices, dict[int, Any]()
        on_device: dict[torch.device, tuple[Tensor, ...]] = {}
        for store, key, cuts in self._stores:
            tensor = store[key]
            if tensor is not None and id(tensor) not in memo:
                if tensor.device not in on_device:
                    on_device[tensor.device] = _on(tensor.device, kept)
                there = on_device[tensor.device]
                chosen = [(axis, kept[labels], there[labels]) for axis, labels in cuts]
                memo[id(tensor)] = rebuilt(tensor, gather(tensor.detach(), chosen))
        small = self._template.copy(memo)
        for module, attribute, labels, form in self._sizes:
            count = len(kept[labels])
            memo[id(module)].__dict__[attribute] = (count,) if form == "tuple" else count
        for module, program in self._programs:
            install(memo[id(module)], program, candidate, next(iter(on_device), None))
        return small


def _on(device: torch.device, kept: Sequence[NDArray[np.int64]]) -> tuple[Tensor, ...]:
    """All kept indices on a device, moved in one piece."""
    if not kept:
        return ()
    whole = torch.from_numpy(np.concatenate(kept)).to(device)
    parts: tuple[Tensor, ...] = whole.split([len(index) for index in kept])
    return parts


def _tensors(modules: Mapping[str, nn.Module]) -> list[tuple[str, Tensor]]:
    """Buffers and parameters by every name they have."""
    return [
        (f"{path}.{name}".lstrip("."), tensor)
        for path, module in modules.items()
        for store in (module._buffers, module._parameters)
        for name, tensor in store.items()
        if tensor is not None
    ]


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
