"""Writes a refit into the smaller network."""

import torch
from torch import Tensor, nn

from cpruner.repair.layer import Layer


def write(small: nn.Module, layer: Layer, weight_GDO: Tensor, offset_GO: Tensor) -> None:
    """Store weights and intercept; a refit that is not finite leaves the layer as it is.

    The intercept goes to the bias, or into the running mean of the batch norm that follows. A layer with neither gets
    the best weights without: no parameter is ever added, so the counts stay those of the plan.

    Args:
        small: The smaller network, changed in place.
        layer: Which layer.
        weight_GDO: New weights.
        offset_GO: What has to be added to their product.
    """
    if not bool(torch.isfinite(weight_GDO).all()):
        return
    with torch.no_grad():
        weight = small.get_parameter(layer.weight)
        weight.copy_(layer.product.weight(weight_GDO, weight))
        if layer.bias is not None:
            bias = small.get_parameter(layer.bias)
            bias.copy_(offset_GO.flatten()) if layer.fused else bias.add_(offset_GO.flatten().to(bias.dtype))
        elif layer.norm is not None:
            mean: Tensor = small.get_submodule(layer.norm).running_mean  # type: ignore[assignment]
            mean.sub_(offset_GO.flatten().to(mean.dtype))
