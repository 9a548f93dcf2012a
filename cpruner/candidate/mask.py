"""Reversible zero masks: the dense network with a candidate's removed slices set to zero."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from cpruner.space import Candidate


@contextmanager
def masked(model: nn.Module, candidate: Candidate) -> Iterator[nn.Module]:
    """Zero the removed slices in place; the former values are back when the block ends.

    Producers and consumers of a channel are both zeroed, so whatever an activation makes of the zero (a sigmoid makes
    0.5) reaches nobody: the masked network computes what the smaller one computes. What is zeroed are the parameters
    and the buffers that are matrices; statistics per channel stay, since networks divide by them.

    Args:
        model: The dense network.
        candidate: What to keep.
    """
    matrices = {name: buffer for name, buffer in model.named_buffers() if sum(size > 1 for size in buffer.shape) > 1}
    tensors: dict[str, Tensor] = {**matrices, **dict(model.named_parameters())}
    cuts = [cut for cut in candidate.plan.cuts if cut.tensor in tensors]
    saved = {cut.tensor: tensors[cut.tensor].detach().clone() for cut in cuts}
    try:
        with torch.no_grad():
            for cut in cuts:
                removed = ~candidate.alive[candidate.plan.arrays[cut.units]]
                index = torch.from_numpy(removed.nonzero()[0]).to(tensors[cut.tensor].device)
                tensors[cut.tensor].index_fill_(cut.axis, index, 0)
        yield model
    finally:
        with torch.no_grad():
            for name, value in saved.items():
                tensors[name].copy_(value)
