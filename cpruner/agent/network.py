"""Layers whose weights are drawn from a given generator (never the global one), in float64.

Axis letters: B steps of a batch, I inputs, H hidden units.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn


def orthogonal(weight: Tensor, gain: float, generator: torch.Generator) -> None:
    """Fill a matrix with an orthogonal one times ``gain`` (Saxe et al. 2014)."""
    nn.init.orthogonal_(weight, gain=gain, generator=generator)


def linear(width_in: int, width_out: int, gain: float, generator: torch.Generator) -> nn.Linear:
    """An orthogonal linear layer without bias at first."""
    made: nn.Linear = nn.utils.skip_init(nn.Linear, width_in, width_out, dtype=torch.float64)
    orthogonal(made.weight, gain, generator)
    nn.init.zeros_(made.bias)
    return made


def mlp(sizes: Sequence[int], generator: torch.Generator, *, first_gain: float = 1.0) -> nn.Module:
    """Perceptron with tanh between its linear layers.

    Weights are orthogonal; biases are zero except in the first layer, where they are uniform in
    [-first_gain, first_gain], so that the hidden units bend at different places of the input space.

    Args:
        sizes: Widths of input, hidden layers and output.
        generator: Source of all randomness.
        first_gain: Gain of the first layer. A large one lets the network tell neighbouring inputs apart at once.

    Returns:
        A module that maps (B, sizes[0]) to (B, sizes[-1]).
    """
    layers: list[nn.Module] = []
    for index, (width_in, width_out) in enumerate(itertools.pairwise(sizes)):
        layer = linear(width_in, width_out, first_gain if index == 0 else 1.0, generator)
        if index == 0:
            nn.init.uniform_(layer.bias, -first_gain, first_gain, generator=generator)
        layers += [layer, nn.Tanh()]
    return nn.Sequential(*layers[:-1])
