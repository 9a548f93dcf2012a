"""Reversible zero masks: the dense network with a candidate's removed slices set to zero."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from cpruner.space import Candidate


@contextmanager
def masked(model: nn.Module, candidate: Candidate) -> Iterator[nn.Module]:
    """Zero the removed slices of every parameter in place; the former values are back when the block ends.

    Producers and consumers of a channel are both zeroed, so whatever an activation makes of the zero (a sigmoid makes
    0.5) reaches nobody: the masked network computes what the smaller one computes.

    Args:
        model: The dense network.
        candidate: What to keep.
    """
    parameters = dict(model.named_parameters())
    saved = {
        cut.tensor: parameters[cut.tensor].detach().clone() for cut in candidate.plan.cuts if cut.tensor in parameters
    }
    try:
        with torch.no_grad():
            for cut in candidate.plan.cuts:
                if cut.tensor in parameters:
                    removed = ~candidate.alive[candidate.plan.arrays[cut.units]]
                    index = torch.from_numpy(removed.nonzero()[0]).to(parameters[cut.tensor].device)
                    parameters[cut.tensor].index_fill_(cut.axis, index, 0.0)
        yield model
    finally:
        with torch.no_grad():
            for name, value in saved.items():
                parameters[name].copy_(value)
