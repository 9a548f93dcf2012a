"""Reversible zero masks: the dense network with a candidate's removed slices set to zero."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.candidate.candidate import Candidate
from cpruner.candidate.clone import clone, rebuilt
from cpruner.candidate.plan import Cut
from cpruner.candidate.tensors import named_tensors


def masked_copy(model: nn.Module, candidate: Candidate) -> nn.Module:
    """A copy of the dense network with the removed slices at zero; what is not cut is shared with the original."""
    tensors = _maskable(model)
    memo: dict[int, Any] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    for name, cuts in candidate.plan.cuts_of.items():
        if name in tensors:
            value = tensors[name].detach().clone()
            _zero(value, candidate, cuts)
            memo[id(tensors[name])] = rebuilt(tensors[name], value)
    return clone(model, memo)


def _maskable(model: nn.Module) -> dict[str, Tensor]:
    parameters = dict(model.named_parameters())
    held = {name: tensor for name, tensor in named_tensors(model) if name not in parameters}
    matrices = {name: tensor for name, tensor in held.items() if sum(size > 1 for size in tensor.shape) > 1}
    return {**matrices, **parameters}


def _zero(value: Tensor, candidate: Candidate, cuts: Sequence[Cut]) -> None:
    for cut in cuts:
        removed = torch.ones(value.shape[cut.axis], dtype=torch.bool)
        removed[torch.from_numpy(candidate.indices(cut.labels))] = False
        value.index_fill_(cut.axis, removed.nonzero().flatten().to(value.device), 0)


@contextmanager
def masked(model: nn.Module, candidate: Candidate) -> Iterator[nn.Module]:
    """Zero the removed slices in place; the former values are back when the block ends.

    Producers and consumers of a channel are both zeroed, so whatever an activation makes of the zero (a sigmoid makes
    0.5) reaches nobody: the masked network computes what the smaller one computes. What is zeroed are the parameters
    and the buffers and plain tensors that are matrices; statistics per channel stay, since networks divide by them.

    Args:
        model: The dense network.
        candidate: What to keep.
    """
    tensors = _maskable(model)
    cuts = {name: cuts for name, cuts in candidate.plan.cuts_of.items() if name in tensors}
    saved = {name: tensors[name].detach().clone() for name in cuts}
    try:
        with torch.no_grad():
            for name, found in cuts.items():
                _zero(tensors[name], candidate, found)
        yield model
    finally:
        with torch.no_grad():
            for name, value in saved.items():
                tensors[name].copy_(value)
