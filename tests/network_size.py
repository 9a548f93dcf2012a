"""Size of a network that need not fit into memory: built without its values, on the meta device."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from cpruner.model import ModelSpec


class Size(NamedTuple):
    """Parameters, and multiply-adds of convolutions and linear layers for one image of 32x32 pixels."""

    parameters: int
    macs: float


def size(spec: ModelSpec, classes: int = 10) -> Size:
    return size_of(lambda: spec.build(classes, torch.zeros(1, 3, 32, 32)))


def size_of(build: Callable[[], nn.Module]) -> Size:
    with torch.device("meta"), FlopCounterMode(display=False) as counter:
        network = build().eval()
        network(torch.zeros(1, 3, 32, 32))
    return Size(sum(parameter.numel() for parameter in network.parameters()), counter.get_total_flops() / 2)
