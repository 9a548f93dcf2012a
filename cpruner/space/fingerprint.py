"""One network told from all others."""

import hashlib

import torch
from torch import Tensor, nn

from cpruner.space.space import PruningSpace


def fingerprint(model: nn.Module, space: PruningSpace) -> str:
    """Hash of a network: structure, weights and buffers."""
    digest = hashlib.sha256(space.plan.fingerprint.encode())
    for name, tensor in model.state_dict().items():
        digest.update(name.encode())
        if isinstance(tensor, Tensor):  # a module's extra state may be anything
            digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
