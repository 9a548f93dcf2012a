"""What moves start from: the best candidates judged so far.

Axis letters: N candidates judged, S of them that are moved, G groups.
"""

from collections.abc import Sequence

import numpy as np

from cpruner.cmdp import Array
from cpruner.env import Judgement
from cpruner.search.assistant import Outcomes

#: Costs below are taken as this: a measured cost may be 0.
LEAST = 1e-9


def starts(archive: Sequence[Judgement], seen: Outcomes) -> tuple[Array, Array]:
    """The feasible candidates or, where there is none, all of them.

    Args:
        archive: What was judged so far.
        seen: The same as arrays.

    Returns:
        Keep ratios (S, G), and what is the better the higher (S,): the reward, or how little budgets are exceeded.
    """
    feasible_N = np.array([judgement.feasible for judgement in archive], dtype=bool)
    if feasible_N.any() or not archive:
        return seen.ratio_NG[feasible_N], seen.reward_N[feasible_N]
    return seen.ratio_NG, -_tightest(archive)


def starts_near(archive: Sequence[Judgement], seen: Outcomes, share: float, count: int) -> tuple[Array, Array]:
    """The best candidates for a share of all limits, where budgets are drawn.

    Of all feasible candidates the highest rewards are those of the widest budgets, wherever the share lies. So only
    candidates count that no cheaper one beats, and of them those nearest to the share, by the logarithm of their
    tightest cost. That is the front of one cost and the reward (:func:`cpruner.search.front` is of all costs and the
    accuracy): a share scales all limits alike, so the tightest budget is the one that counts.

    Args:
        archive: What was judged so far.
        seen: The same as arrays.
        share: Of all limits.
        count: How many, at most.

    Returns:
        As :func:`starts`.
    """
    if not any(judgement.feasible for judgement in archive):
        return starts(archive, seen)
    cost_N = np.where([judgement.feasible for judgement in archive], _tightest(archive), np.inf)
    cheapest_first_N = np.lexsort((-seen.reward_N, cost_N))
    highest_N = np.fmax.accumulate(seen.reward_N[cheapest_first_N])
    new_N = highest_N > np.concatenate([[-np.inf], highest_N[:-1]])
    front_S = cheapest_first_N[new_N & np.isfinite(cost_N[cheapest_first_N])]
    away_S = np.abs(np.log(np.maximum(cost_N[front_S], LEAST) / share))
    nearest_S = front_S[np.argsort(away_S, kind="stable")[:count]]
    return seen.ratio_NG[nearest_S], seen.reward_N[nearest_S]


def _tightest(archive: Sequence[Judgement]) -> Array:
    """What the tightest budget is used to, (N,)."""
    return np.array([max(reading.upper_share for reading in each.readings) for each in archive])
