"""A network lent for judging: what is done to it while it is judged is undone afterwards."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def lent(network: nn.Module, device: torch.device | str | None = None) -> Iterator[torch.device]:
    """Put the network in eval mode on a device, and afterwards back as it was, module by module.

    Args:
        network: The network.
        device: Where to put it; None leaves it where it is.

    Yields:
        The device it is on.
    """
    first = next(network.parameters(), None)
    home = torch.device("cpu") if first is None else first.device
    where = home if device is None else torch.device(device)
    training = [(module, module.training) for module in network.modules()]
    try:
        network.to(where).eval()
        yield where
    finally:
        network.to(home)
        for module, mode in training:
            module.training = mode


@contextmanager
def channels_last(network: nn.Module) -> Iterator[None]:
    """Lay out the weights of 2-d convolutions with their channels last, and afterwards as they were."""
    held = [(weight, weight.data) for weight in network.parameters() if weight.ndim == 4]
    try:
        for weight, data in held:
            weight.data = data.contiguous(memory_format=torch.channels_last)
        yield
    finally:
        for weight, data in held:
            weight.data = data
