"""How costs change with actions, learnt from whole episodes.

Axis letters: D components of a sequence, K constraints.
"""

import numpy as np

from cpruner.cmdp import Array


def secant(slope_KD: Array, moved_D: Array, change_K: Array) -> Array:
    """Least change of the slopes that explains what was just seen (Broyden 1965, method 1).

    S + (dJ - S da) da^T / (da . da), and no slope below 0: more width never costs less. If one component alone moved,
    its slopes become the difference quotients dJ / da and no others change.

    Args:
        slope_KD: S, slopes of the costs so far; not negative.
        moved_D: da, difference of two sequences.
        change_K: dJ, difference of their costs.

    Returns:
        The slopes that map ``moved_D`` to ``change_K``, where 0 does not stop them; the old ones if nothing moved.
    """
    square = float(moved_D @ moved_D)
    if square == 0.0:
        return slope_KD
    return np.maximum(slope_KD + np.outer(change_K - slope_KD @ moved_D, moved_D) / square, 0.0)


def affordable(slope_K: Array, slack_K: Array) -> float:
    """Largest rise of one component that costs no more than the slack: min over k of slack_k / S_k.

    Args:
        slope_K: Its slopes; where one is 0, that cost sets no bound.
        slack_K: d_k - J_k; where it is negative, the component has to fall.

    Returns:
        The rise, infinite if nothing bounds it.
    """
    bounds = slope_K > 0.0
    return float((slack_K[bounds] / slope_K[bounds]).min(initial=np.inf))
