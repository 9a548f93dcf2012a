"""L2 norm of the filters."""

from cpruner.ranking.evidence import Evidence
from cpruner.ranking.producer import by_filters
from cpruner.space import Ranking


def l2(evidence: Evidence) -> Ranking:
    r"""Rank by the L2 norm of the weights that make a channel.

    He et al. 2018, "Soft filter pruning for accelerating deep convolutional neural networks", section 3.2, with p = 2:

    .. math:: s_j = \left(\sum_d F_{j,d}^2\right)^{1/2}

    Args:
        evidence: The network; no data are needed.
    """
    return by_filters(evidence, lambda filters_SD: filters_SD.norm(dim=1))
