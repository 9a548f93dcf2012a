"""Writes a refit into the smaller network."""

import torch
from torch import Tensor, nn

from cpruner.repair.statistics import Layer


def write(small: nn.Module, layer: Layer, weight_GDO: Tensor, offset_GO: Tensor) -> None:
    """Store weights and intercept; a refit that is not finite leaves the layer as it is.

    The intercept is added to the bias, or taken off the running mean of the batch norm that follows. A layer with
    neither gets the best weights without: no parameter is ever added, so the counts stay those of the plan.

    Args:
        small: The smaller network, changed in place.
        layer: Which layer.
        weight_GDO: New weights.
        offset_GO: What has to be added to their product.
    """
    with torch.no_grad():
        weight, place = small.get_parameter(layer.weight), _place(small, layer)
        matrix = layer.product.weight(weight_GDO, weight).to(weight.dtype)
        changed: list[tuple[Tensor, Tensor]] = [(weight, matrix)]
        if place is not None:
            offset_O = offset_GO.flatten() if layer.bias is not None else -offset_GO.flatten()
            changed.append((place, (place + offset_O).to(place.dtype)))
        if all(bool(torch.isfinite(value).all()) for _, value in changed):
            for tensor, value in changed:
                tensor.copy_(value)


def _place(small: nn.Module, layer: Layer) -> Tensor | None:
    """What takes the intercept."""
    if layer.bias is not None:
        return small.get_parameter(layer.bias)
    if layer.norm is None:
        return None
    mean = small.get_submodule(layer.norm).running_mean
    assert isinstance(mean, Tensor)  # noqa: S101 - it was seen to have one
    return mean
