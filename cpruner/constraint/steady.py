"""Measure without leaving a trace: evaluation mode inside, everything as it was outside."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from cpruner.errors import InputError


@contextmanager
def steady(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Hold ``network`` in evaluation mode without gradients; give back training flags and random states after.

    Args:
        network: The network about to be measured.
        device: Its device; the CUDA generator of that device is restored besides the CPU generator.
    """
    require_initialised(network)
    flags = [(module, module.training) for module in network.modules()]
    cuda = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=cuda), torch.no_grad():
            network.eval()
            yield
    finally:
        for module, flag in flags:
            module.training = flag


@contextmanager
def without_gradients(network: nn.Module) -> Iterator[None]:
    """No parameter asks for a gradient inside.

    ``no_grad`` is not enough for torch's FLOP counter: views of such parameters still ask, and one that is given to a
    module (a class token, queries that are learnt) stops its tracker of modules.
    """
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad and parameter.is_leaf]
    for parameter in learning:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in learning:
            parameter.requires_grad_(True)


def require_initialised(network: nn.Module) -> None:
    """Refuse lazy modules, whose shapes are unknown until they have run.

    Raises:
        InputError: Naming the first parameter without a shape.
    """
    for name, parameter in network.named_parameters():
        if is_lazy(parameter):
            raise InputError(
                "network",
                expected="parameters with known shapes",
                got=f"the uninitialised parameter '{name}'",
                remedy="Run the network once on an example before measuring it.",
            )
