"""Norm over everything that goes with a channel."""

from cpruner.ranking.evidence import Evidence
from cpruner.space import Ranking, magnitude


def joint(evidence: Evidence) -> Ranking:
    """Rank by the L2 norm of all slices that are cut with a channel, each tensor at the same weight.

    The group criterion of Fang et al. 2023, "DepGraph", equation 4; what a traced space has by default
    (``cpruner.space.unit_norms``).

    Args:
        evidence: The network; no data are needed.
    """
    return magnitude(evidence.model, evidence.space.plan)
