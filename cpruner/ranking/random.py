"""An order without a reason: what every criterion has to beat."""

import torch

from cpruner.ranking.evidence import Evidence
from cpruner.space import Ranking, order


def random(evidence: Evidence) -> Ranking:
    """Shuffle every group; every order is equally likely.

    Mittal et al. 2018, "Recovering from random pruning", shows how little worse this can be once a network is trained
    again.

    Args:
        evidence: The space, and ``spec.seed``.
    """
    generator = torch.Generator().manual_seed(evidence.spec.seed)
    plan = evidence.space.plan
    return order(torch.rand(int(plan.offsets[-1]), generator=generator, dtype=torch.float64), plan)
