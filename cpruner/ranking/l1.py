"""L1 norm of the filters."""

from cpruner.ranking.evidence import Evidence
from cpruner.ranking.producer import by_filters
from cpruner.space import Ranking


def l1(evidence: Evidence) -> Ranking:
    r"""Rank by the L1 norm of the weights that make a channel.

    Li et al. 2017, "Pruning filters for efficient ConvNets", section 3.1:

    .. math:: s_j = \sum_d |F_{j,d}|

    Args:
        evidence: The network; no data are needed.
    """
    return by_filters(evidence, lambda filters_SD: filters_SD.abs().sum(1))
