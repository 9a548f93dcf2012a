"""Scales of the normalisation layers."""

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from cpruner.ranking.evidence import Evidence
from cpruner.ranking.unit import unit_sums
from cpruner.space import Ranking, order, unit_norms

_NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm, nn.RMSNorm)


def norm_scale(evidence: Evidence) -> Ranking:
    r"""Rank by the scale that normalisation gives a channel.

    Liu et al. 2017, "Learning efficient convolutional networks through network slimming", section 3: the absolute
    gamma, here summed over all layers m (batch, group, instance, layer and RMS norms) that hold the channel:

    .. math:: s_j = \sum_m |\gamma_{m,j}|

    Groups that no such layer holds are ranked as by ``joint``.

    Args:
        evidence: The network; no data are needed.
    """
    plan, gammas = evidence.space.plan, _gammas(evidence.model)
    held = {group for cut in plan.cuts if cut.tensor in gammas for group in plan.groups_of[cut.labels]}
    held_U = torch.repeat_interleave(
        torch.tensor([group in held for group in range(len(plan.sizes))], dtype=torch.bool), torch.tensor(plan.sizes)
    )
    return order(torch.where(held_U, unit_sums(plan, gammas), unit_norms(evidence.model, plan)), plan)


def _gammas(model: nn.Module) -> dict[str, Tensor]:
    return {
        f"{path}.weight": module.weight.detach().to("cpu", torch.float64).abs()
        for path, module in model.named_modules()
        if isinstance(module, _NORMS) and isinstance(module.weight, nn.Parameter)
    }
