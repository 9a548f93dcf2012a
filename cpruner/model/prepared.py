"""What every network of this room goes through between its constructor and its user."""

from collections.abc import Callable

from torch import nn

from cpruner.model.seeded import seeded
from cpruner.model.weights import load_weights


def prepared(make: Callable[[], nn.Module], *, seed: int, weights: str | None) -> nn.Module:
    """Make a network, give it its weights and put it in eval mode.

    Convolutions and linear layers start from normal draws of variance 2 / fan-in (He et al. 2015, equation 10).

    Args:
        make: Makes the network.
        seed: Seed of the initial weights.
        weights: A safetensors file with trained ones, or None.

    Raises:
        InputError: If the weights file is missing or belongs to another network.
    """
    with seeded(seed):
        network = make()
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
    if weights is not None:
        load_weights(network, weights)
    return network.eval()
