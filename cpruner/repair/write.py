"""Writes a refit into the smaller network."""

import torch
from torch import Tensor, nn

from cpruner.repair.layer import Layer


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
        weight = small.get_parameter(layer.weight)
        found = layer.product.weight(weight_GDO, weight).to(weight.dtype)
        offset = offset_GO.flatten()
        if not bool(torch.isfinite(found).all()) or not bool(torch.isfinite(offset).all()):
            return
        weight.copy_(found)
        if layer.bias is not None:
            small.get_parameter(layer.bias).add_(offset)
        elif layer.norm is not None:
            mean: Tensor = small.get_submodule(layer.norm).running_mean  # type: ignore[assignment]
            mean.sub_(offset)
