"""A small network together with what tracing it has to find."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@final
@dataclass(frozen=True)
class Net:
    """A network, inputs it runs on, and what tracing it has to find.

    Args:
        name: What it shows.
        factory: Makes the module.
        shapes: Shape of every positional input.
        groups: Name and size of every group, in network order.
        frozen: Words of a reason that must be among the frozen axes, by ``tensor[axis]``.
    """

    name: str
    factory: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    groups: tuple[tuple[str, int], ...]
    frozen: tuple[tuple[str, str], ...] = ()

    def build(self, seed: int = 0) -> nn.Module:
        """The network in float64 and eval mode, with random statistics and no two channels alike."""
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            network = self.factory().double().eval()
        generator = torch.Generator().manual_seed(seed)
        for module in network.modules():
            if isinstance(module, _BatchNorm):
                randomise(module, generator)
        for parameter in network.parameters():
            if parameter.numel() > 1 and bool((parameter == parameter.flatten()[0]).all()):
                nn.init.normal_(parameter, generator=generator)
        return network

    def inputs(self, seed: int = 0) -> tuple[Tensor, ...]:
        """Random float64 inputs."""
        generator = torch.Generator().manual_seed(seed)
        return tuple(torch.randn(shape, generator=generator, dtype=torch.float64) for shape in self.shapes)


def randomise(norm: _BatchNorm, generator: torch.Generator) -> None:
    """Draw statistics and affine parameters, so that no channel is like another."""
    with torch.no_grad():
        for tensor in (norm.running_mean, norm.weight, norm.bias):
            if tensor is not None:
                tensor.normal_(generator=generator)
        if norm.running_var is not None:
            norm.running_var.uniform_(0.5, 2.0, generator=generator)


def chain(**modules: nn.Module) -> nn.Module:
    """Modules one after the other, by name."""
    return nn.Sequential(OrderedDict(modules))
