"""Keep ratios of one network as keep ratios of another: by relative depth.

Axis letters: N choices, S groups there, G groups here.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def resampled(ratio_NS: Array, groups: int) -> Array:
    """Interpolate keep ratios linearly over the relative position t / (T - 1) of a group, shape (N, G).

    It is the position that observations tell (``cpruner.env.observation``): what a policy has learned of a place in
    one network it does at the same place of another.

    Args:
        ratio_NS: Keep ratios there.
        groups: G.
    """
    there_S, here_G = _positions(ratio_NS.shape[1]), _positions(groups)
    return np.stack([np.interp(here_G, there_S, ratio_S) for ratio_S in ratio_NS]) if len(ratio_NS) else _none(groups)


def _positions(groups: int) -> Array:
    return np.arange(groups) / max(groups - 1, 1)


def _none(groups: int) -> Array:
    return np.zeros((0, groups))
