"""The filters of a group: the weights that make its channels first, one row per unit.

Axis letters: S units of the group, R indices of one unit along the axis, N indices of the axis, D weights of one unit.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from cpruner.ranking.evidence import Evidence
from cpruner.space import Cut, Labels, PruningSpace, Ranking, order, untouched
from cpruner.space.module_of import module_of


def by_filters(evidence: Evidence, worth: Callable[[Tensor], Tensor]) -> Ranking:
    """Rank every group by a function of its filters.

    Args:
        evidence: The network; of the rest nothing is used.
        worth: From the filters of a group, (S, D), to one number per unit, (S,).
    """
    space = evidence.space
    with untouched(evidence.model):  # a computed weight may draw random numbers, or write buffers
        worths = [worth(filters(evidence.model, space, group)) for group in range(len(space.groups))]
    return order(torch.cat([torch.zeros(0), *worths]), space.plan)


def filters(model: nn.Module, space: PruningSpace, group: int) -> Tensor:
    """Slices of the producing weight that belong to every unit of a group, laid flat; float64 of shape (S, D).

    Channels that a layer makes with several indices each (the dimensions of a head, the pixels of a shuffle) have all
    of them in their row.
    """
    cut = _producing(space, group)
    low, high = space.plan.offsets[group : group + 2].tolist()
    rows_SR = _rows(space.plan.labels[cut.labels], low, high)
    weight = _weight(model, cut, len(space.plan.labels[cut.labels]))
    return weight.detach().to("cpu", torch.float64).movedim(cut.axis, 0)[rows_SR].flatten(1)


def _producing(space: PruningSpace, group: int) -> Cut:
    cuts = [cut for cut in space.plan.cuts if group in space.plan.groups_of[cut.labels]]
    named = [cut for cut in cuts if f"{cut.tensor}[{cut.axis}]" == space.groups[group].producer]
    return (named or cuts)[0]


def _rows(labels: Labels, low: int, high: int) -> Tensor:
    """Indices of every unit along the axis, (S, R): all units of a group have equally many."""
    units_FN = labels.units_FN
    factor, index = np.nonzero((units_FN >= low) & (units_FN < high))
    unit = units_FN[factor, index]
    return torch.from_numpy(index[np.lexsort((index, unit))].reshape(high - low, -1))


def _weight(model: nn.Module, cut: Cut, length: int) -> Tensor:
    """The tensor the layer multiplies with: what a parametrisation or a mask makes of the parameter that is cut."""
    path, name = module_of(cut.tensor)
    made = getattr(model.get_submodule(path), name, None)
    if isinstance(made, Tensor) and made.ndim > cut.axis and made.shape[cut.axis] == length:
        return made
    return model.get_parameter(cut.tensor)
