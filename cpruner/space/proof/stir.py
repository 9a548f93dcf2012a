"""Weights that say something: comparing outputs proves nothing where a freshly made layer is all zeros."""

import torch
from torch import nn

from cpruner.candidate import clone, rebuilt

_SPREAD = 0.1


def stirred(model: nn.Module, seed: int = 0) -> nn.Module:
    """A copy in which every parameter whose numbers are all the same has random ones around them; so has a single zero.

    Gains of zero, zero-initialised classifiers, layer scales of 1e-6 and fresh affine parameters would hide what
    happens before them. Everything else is shared with the original.

    Args:
        model: Any network; untouched.
        seed: Seed of the numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    memo: dict[int, object] = {id(tensor): tensor for tensor in (*model.parameters(), *model.buffers())}
    for parameter in model.parameters():
        value = parameter.detach()
        if (
            not value.is_meta
            and value.is_floating_point()
            and value.numel() > 0
            and bool((value == value.flatten()[0]).all())
            and (value.numel() > 1 or not bool(value.any()))
        ):
            noise = torch.randn(value.shape, generator=generator) * _SPREAD
            memo[id(parameter)] = rebuilt(parameter, value + noise.to(value))
    return clone(model, memo)
