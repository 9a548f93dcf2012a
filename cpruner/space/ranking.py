"""Which channels of a group go last: the default order, by magnitude."""

import torch
from torch import nn

from cpruner.candidate import FIXED, Plan

#: Per group, its channel indices from the most to the least important.
Ranking = tuple[tuple[int, ...], ...]


def unit_norms(model: nn.Module, plan: Plan) -> torch.Tensor:
    """Sum over member parameters of the relative squared L2 norm of every unit's slices.

    The group criterion of Fang et al. 2023, equation 4, normalised per tensor.

    Args:
        model: The dense network the plan was made for.
        plan: Its surgery plan.

    Returns:
        float64 tensor of shape (U,).
    """
    parameters = dict(model.named_parameters())
    total_U = torch.zeros(int(plan.offsets[-1]), dtype=torch.float64)
    for cut in plan.cuts:
        weight = parameters.get(cut.tensor)
        if weight is None or weight.ndim < 2 or weight.is_meta:
            continue
        square = weight.detach().to("cpu", torch.float64).pow(2).movedim(cut.axis, 0).flatten(1).sum(1)
        for factor_N in torch.from_numpy(plan.labels[cut.labels].units_FN):
            removable = factor_N != FIXED
            total_U.index_add_(0, factor_N[removable], square[removable] / square.sum().clamp_min(1e-30))
    return total_U


def order(score: torch.Tensor, plan: Plan) -> Ranking:
    """Rank every group by one score per unit, highest first; ties keep the network's order.

    Args:
        score: Tensor of shape (U,).
        plan: The plan that numbers the units.
    """
    groups = [score[low:high] for low, high in zip(plan.offsets[:-1].tolist(), plan.offsets[1:].tolist(), strict=True)]
    return tuple(tuple(torch.argsort(group, descending=True, stable=True).tolist()) for group in groups)


def magnitude(model: nn.Module, plan: Plan) -> Ranking:
    """Rank channels by ``unit_norms``."""
    return order(unit_norms(model, plan), plan)
