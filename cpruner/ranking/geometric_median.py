"""Distance of the filters to one another."""

import torch

from cpruner.ranking.evidence import Evidence
from cpruner.ranking.producer import by_filters
from cpruner.space import Ranking


def geometric_median(evidence: Evidence) -> Ranking:
    r"""Rank by how far a channel's filter is from the others of its group: what is near to all can be replaced.

    He et al. 2019, "Filter pruning via geometric median for deep convolutional neural networks acceleration" (FPGM),
    section 3.4. Of the filters themselves, the geometric median is the one with the smallest

    .. math:: s_j = \sum_k \|F_j - F_k\|_2

    Args:
        evidence: The network; no data are needed.
    """
    return by_filters(evidence, lambda filters_SD: torch.cdist(filters_SD, filters_SD).sum(1))
