"""Every criterion by name, and the entry of the room."""

from collections.abc import Mapping

from cpruner.ranking.criterion import Criterion
from cpruner.ranking.elimination import elimination
from cpruner.ranking.evidence import Evidence
from cpruner.ranking.geometric_median import geometric_median
from cpruner.ranking.joint import joint
from cpruner.ranking.l1 import l1
from cpruner.ranking.l2 import l2
from cpruner.ranking.norm_scale import norm_scale
from cpruner.ranking.random import random
from cpruner.ranking.snip import snip
from cpruner.ranking.taylor import taylor
from cpruner.space import Ranking

#: The choices of ``Rank.criterion``.
CRITERIA: Mapping[str, Criterion] = {
    "elimination": elimination,
    "l1": l1,
    "l2": l2,
    "joint": joint,
    "norm_scale": norm_scale,
    "taylor": taylor,
    "snip": snip,
    "geometric_median": geometric_median,
    "random": random,
}


def rank(evidence: Evidence) -> Ranking:
    """Rank every group by the criterion that ``evidence.spec`` names.

    Args:
        evidence: The network, which is afterwards as before, and what is known of it.

    Returns:
        Per group, its channel indices from the most to the least important; see ``PruningSpace.ranked``.

    Raises:
        InputError: The criterion needs images, labels or statistics that are not there.
    """
    return CRITERIA[evidence.spec.criterion](evidence)
