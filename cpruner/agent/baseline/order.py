"""Which episode is better: feasible ones by reward, the others by how little they violate.

Axis letters: N episodes, K constraints.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cpruner.cmdp import Array


def violation(cost_K: Array, limit_K: Sequence[float]) -> float:
    """How far an episode is from feasible: sum_k (J_k - d_k)+, each term in units of d_k where that is positive.

    Args:
        cost_K: J_k, the costs of the whole episode.
        limit_K: d_k.

    Returns:
        0 exactly where every J_k <= d_k.
    """
    limits_K = np.array(limit_K, dtype=np.float64)
    unit_K = np.where(limits_K > 0.0, limits_K, 1.0)
    return float((np.maximum(cost_K - limits_K, 0.0) / unit_K).sum())


def rank(reward_N: Array, violation_N: Array) -> NDArray[np.intp]:
    """Order of episodes, best first: feasible ones by falling reward, then the others by rising violation.

    Args:
        reward_N: Total reward of every episode.
        violation_N: Total violation of every episode, 0 where it is feasible.

    Returns:
        Indices into the episodes, shape (N,).
    """
    return np.lexsort((-reward_N, violation_N))
