"""What a candidate keeps of a layer, as indices into the layer's products."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cpruner.candidate import Candidate
from cpruner.repair.statistics import Layer, Moments
from cpruner.repair.watch import Product


@dataclass(frozen=True)
class Kept:
    """Indices that stay.

    Args:
        product: Geometry of the smaller layer.
        groups: Convolution groups.
        channels: Input channels, counted inside a group; None where all stay.
        outputs_GO: Outputs of every group that stays, counted inside it.
        rows: The input channels' rows along D.
    """

    product: Product
    groups: Tensor
    channels: Tensor | None
    outputs_GO: Tensor
    rows: Tensor

    def of(self, values_GXO: Tensor) -> Tensor:
        """The kept outputs of rows of dense outputs."""
        return values_GXO[self.groups].take_along_dim(self.outputs_GO[:, None], 2)

    def moments(self, dense: Moments) -> Moments:
        """The moments of the kept outputs; all inputs are still there."""
        return dense.at(self.groups, self.outputs_GO)


def kept(candidate: Candidate, layer: Layer) -> Kept:
    """Look up what stays of a layer; the groups of a convolution keep equally many outputs, but maybe not the same."""
    out_axis, in_axis = layer.product.axes
    groups, size = layer.dense.mean_GO.shape
    stay: dict[int, NDArray[np.int64]] = {}
    for cut in candidate.plan.cuts_of.get(layer.weight, ()):
        indices = candidate.indices(cut.labels)
        if len(indices) < len(candidate.plan.labels[cut.labels]):
            stay[cut.axis] = indices
    flat = stay.get(out_axis, np.arange(groups * size))
    alive = np.unique(flat // size)
    device = layer.dense.mean_GD.device
    there = partial(torch.as_tensor, device=device)
    channels = None if in_axis not in stay else there(stay[in_axis])
    inputs = layer.dense.mean_GD.shape[1]
    return Kept(
        product=replace(layer.product, groups=len(alive)),
        groups=there(alive),
        channels=channels,
        outputs_GO=there((flat % size).reshape(len(alive), -1)),
        rows=torch.arange(inputs, device=device) if channels is None else layer.product.taps_of(channels),
    )
