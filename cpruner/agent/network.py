"""The small multilayer perceptron behind policy and critic, drawn from a given generator (never the global one).

Axis letters: B steps of a batch, I inputs, H hidden units.
"""

import itertools
from collections.abc import Sequence

import torch
from torch import nn


def mlp(
    sizes: Sequence[int], generator: torch.Generator, *, first_gain: float = 1.0, last_gain: float = 1.0
) -> nn.Module:
    """Float64 perceptron with tanh between its linear layers.

    Weights are orthogonal; biases are zero except in the first layer, where they are uniform in
    [-first_gain, first_gain], so that the hidden units bend at different places of the input space.

    Args:
        sizes: Widths of input, hidden layers and output.
        generator: Source of all randomness.
        first_gain: Gain of the first layer. A large one lets the network tell neighbouring inputs apart at once.
        last_gain: Gain of the last layer. A small one makes all outputs start near zero.

    Returns:
        A module that maps (B, sizes[0]) to (B, sizes[-1]).
    """
    layers: list[nn.Module] = []
    last = len(sizes) - 2
    for index, (width_in, width_out) in enumerate(itertools.pairwise(sizes)):
        linear = nn.utils.skip_init(nn.Linear, width_in, width_out, dtype=torch.float64)
        gain = last_gain if index == last else first_gain if index == 0 else 1.0
        nn.init.orthogonal_(linear.weight, gain=gain, generator=generator)
        if index == 0 and last > 0:
            nn.init.uniform_(linear.bias, -first_gain, first_gain, generator=generator)
        else:
            nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])
