"""What a candidate keeps of a layer, as indices into the layer's products."""

from dataclasses import dataclass

import torch
from torch import Tensor

from cpruner.candidate import Candidate
from cpruner.repair.layer import Layer
from cpruner.repair.moment import Moments


@dataclass(frozen=True)
class Kept:
    """Indices that stay.

    Args:
        groups: Convolution groups.
        channels: Input channels, counted inside a group; None where all stay.
        outputs: Outputs of every group, counted inside it.
        rows: The input channels' rows along D.
    """

    groups: Tensor
    channels: Tensor | None
    outputs: Tensor
    rows: Tensor

    def of(self, values_GXO: Tensor) -> Tensor:
        """The kept outputs of rows of dense outputs."""
        return values_GXO[self.groups][:, :, self.outputs]

    def moments(self, dense: Moments) -> Moments:
        """The moments of the kept outputs; all inputs are still there."""
        return dense.at(self.groups, self.outputs)


def kept(candidate: Candidate, layer: Layer) -> Kept | None:
    """Look up what stays of a layer.

    Returns:
        None where the groups of a convolution do not keep equally placed outputs, which no grouped convolution can.
    """
    out_axis, in_axis = layer.product.axes
    device = layer.dense.mean_GD.device
    groups, size = layer.dense.mean_GO.shape
    stay: dict[int, Tensor] = {}
    for cut in candidate.plan.cuts_of.get(layer.weight, ()):
        indices = candidate.indices(cut.labels)
        if len(indices) < len(candidate.plan.labels[cut.labels]):
            stay[cut.axis] = torch.from_numpy(indices).to(device)
    flat = stay.get(out_axis, torch.arange(groups * size, device=device))
    alive = torch.unique(flat // size)
    if len(flat) % len(alive):
        return None
    places = (flat % size).view(len(alive), -1)
    if not bool((places == places[0]).all()):
        return None
    channels = stay.get(in_axis)
    inputs = layer.dense.mean_GD.shape[1]
    rows = torch.arange(inputs, device=device) if channels is None else layer.product.taps_of(channels)
    return Kept(alive, channels, places[0], rows)
