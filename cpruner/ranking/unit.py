"""Sums over everything that is cut with a unit.

Axis letters: U units of the network, N indices of an axis.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations, product

import torch
from torch import Tensor

from cpruner.space import FIXED, Cut, Plan


def unit_sums(plan: Plan, values: Mapping[str, Tensor]) -> Tensor:
    """Sum, for every unit, the entries that go when it goes; each once, though two axes may name it.

    Args:
        plan: The plan that numbers the units.
        values: One number per entry, by name of the tensor; float64 on the CPU. Tensors left out count nothing.

    Returns:
        float64 tensor of shape (U,).
    """
    total_U = torch.zeros(int(plan.offsets[-1]), dtype=torch.float64)
    for name, cuts in plan.cuts_of.items():
        if name in values:
            for count in range(1, len(cuts) + 1):
                for chosen in combinations(cuts, count):
                    _add(total_U, plan, values[name], chosen, (-1) ** (count - 1))
    return total_U


def _add(total_U: Tensor, plan: Plan, value: Tensor, cuts: Sequence[Cut], sign: int) -> None:
    """Add the entries that one unit holds along all of these axes (inclusion and exclusion)."""
    if not frozenset.intersection(*(plan.groups_of[cut.labels] for cut in cuts)):
        return
    axes = [cut.axis for cut in cuts]
    lengths = [value.shape[axis] for axis in axes]
    cells = value.movedim(axes, list(range(len(axes)))).reshape(*lengths, -1).sum(-1)
    for factors in product(*(torch.from_numpy(plan.labels[cut.labels].units_FN) for cut in cuts)):
        first, *others = (f.view([-1 if n == axis else 1 for n in range(len(cuts))]) for axis, f in enumerate(factors))
        common = first != FIXED
        for other in others:
            common = common & (first == other)
        places = common.nonzero(as_tuple=True)
        total_U.index_add_(0, factors[0][places[0]], sign * cells[places])
