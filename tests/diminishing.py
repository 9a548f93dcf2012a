"""Rewards of keep ratios that can be worked out: every group gains less the wider it is.

Axis letters: N candidates, G groups.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def reward(ratio_NG: Array, noise: float = 0.0, seed: int = 0) -> Array:
    """Diminishing returns, with noise, (N,)."""
    weight_G = np.linspace(0.2, 1.0, ratio_NG.shape[1])
    quiet_N = 1.0 - (weight_G * np.exp(-3.0 * ratio_NG)).sum(axis=1)
    return np.asarray(quiet_N + noise * np.random.default_rng(seed).standard_normal(len(ratio_NG)))


def drawn(count: int, seed: int, groups: int = 6) -> Array:
    """Keep ratios from 0.1 to 1, (N, G)."""
    return np.random.default_rng(seed).uniform(0.1, 1.0, (count, groups))
