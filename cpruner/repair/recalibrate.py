"""Re-estimate batch-norm statistics of a changed network."""

import torch
from torch import Tensor, nn

from cpruner.space import evaluating


def recalibrate(network: nn.Module, images: Tensor) -> None:
    """Replace the running mean and variance of every batch norm by those of ``images``, in one forward pass.

    Args:
        network: Changed in place; its mode is kept.
        images: Training images, (N, ...).
    """
    norms = [module for module in network.modules() if isinstance(module, nn.modules.batchnorm._BatchNorm)]
    counters = [None if norm.num_batches_tracked is None else norm.num_batches_tracked.clone() for norm in norms]
    kept = list(zip(norms, [norm.momentum for norm in norms], counters, strict=True))
    with evaluating(network), torch.no_grad():
        for norm in norms:
            norm.momentum = 1.0
            norm.train()
        network(images)
    for norm, momentum, tracked in kept:
        norm.momentum = momentum
        if tracked is not None and norm.num_batches_tracked is not None:
            norm.num_batches_tracked.copy_(tracked)
