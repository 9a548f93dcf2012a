"""Cut a candidate out of its dense network: a real, smaller ``nn.Module``."""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.candidate.rewired import Rewired
from cpruner.errors import ArtefactError
from cpruner.space import Candidate, Cut


def materialise(model: nn.Module, candidate: Candidate) -> nn.Module:
    """Build the smaller network; ``model`` is untouched.

    The module tree is copied once with every tensor already replaced by its kept slices, so only kept bytes are copied.

    Args:
        model: The dense network the candidate's space was traced from, or a fresh one of the same structure.
        candidate: What to keep.

    Returns:
        A network of the same class, on the same device and in the same mode.

    Raises:
        ArtefactError: The model does not have the tensors the candidate was made for.
    """
    by_tensor: dict[str, list[Cut]] = {}
    for cut in candidate.plan.cuts:
        by_tensor.setdefault(cut.tensor, []).append(cut)
    tensors: dict[str, Tensor] = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    check_structure(tensors, by_tensor)
    memo: dict[int, Any] = {}
    for name, tensor in tensors.items():
        memo[id(tensor)] = _rebuilt(tensor, _kept(tensor, candidate, by_tensor.get(name, [])))
    small = copy.deepcopy(model, memo)
    try:
        _patch(small, candidate)
    except AttributeError as error:
        raise ArtefactError(
            f"model: expected the modules of the candidate's network, got {error}. It was made for another model."
        ) from error
    return small


def check_structure(tensors: Mapping[str, Tensor], by_tensor: Mapping[str, list[Cut]]) -> None:
    """Refuse a model that lacks a tensor of the plan, or has it in another size.

    Raises:
        ArtefactError: Naming the first tensor that differs.
    """
    for name, cuts in by_tensor.items():
        if name not in tensors:
            raise ArtefactError(
                f"model: expected a tensor '{name}', got none. The candidate was made for another model."
            )
        for cut in cuts:
            shape = tuple(tensors[name].shape)
            if len(shape) <= cut.axis or shape[cut.axis] != len(cut.units):
                raise ArtefactError(
                    f"model: expected '{name}' with {len(cut.units)} indices on axis {cut.axis}, got shape {shape}. "
                    "The candidate was made for another model (is it the dense one?)."
                )


def _kept(tensor: Tensor, candidate: Candidate, cuts: list[Cut]) -> Tensor:
    value = tensor.detach()
    for cut in cuts:
        index = torch.from_numpy(candidate.indices(cut.units)).to(tensor.device)
        if index.numel() < value.shape[cut.axis]:
            value = value.index_select(cut.axis, index)
    return value.clone() if value.data_ptr() == tensor.data_ptr() else value


def _rebuilt(old: Tensor, value: Tensor) -> Tensor:
    if isinstance(old, nn.Parameter):
        return nn.Parameter(value, requires_grad=old.requires_grad)
    return value


def _patch(small: nn.Module, candidate: Candidate) -> None:
    for size in candidate.plan.attributes:
        setattr(small.get_submodule(size.module), size.attribute, len(candidate.indices(size.units)))
    for rewire in candidate.plan.rewires:
        parent, _, name = rewire.module.rpartition(".")
        inner = small.get_submodule(rewire.module)
        wrapped = Rewired(
            inner, rewire.axis, candidate.indices(rewire.inputs), len(rewire.inputs), candidate.indices(rewire.outputs)
        )
        setattr(small.get_submodule(parent), name, wrapped)
