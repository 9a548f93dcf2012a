"""Rank correlation with an interval."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

_RESAMPLES = 2000
_TAIL = 0.025


def spearman(left: Sequence[float], right: Sequence[float], seed: int = 0) -> dict[str, float] | None:
    """Spearman's correlation and the 95 % percentile interval of the paired bootstrap.

    Args:
        left: One number per candidate; ties share their mean rank, infinite values rank last.
        right: Another one.
        seed: Of the resampling.

    Returns:
        ``rho``, ``low`` and ``high``; None where one side is constant.
    """
    pairs_2N = np.array([left, right], dtype=np.float64)
    rho = float(_rho(pairs_2N[:, None])[0])
    if np.isnan(rho):
        return None
    count = pairs_2N.shape[1]
    drawn_R = _rho(pairs_2N[:, np.random.default_rng(seed).integers(count, size=(_RESAMPLES, count))])
    low, high = np.nanquantile(drawn_R, (_TAIL, 1 - _TAIL))
    return {"rho": rho, "low": float(low), "high": float(high)}


def _rho(pairs_2RN: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlation of the ranks, sample by sample, (R,); NaN where one side is constant."""
    rank_2RN = rankdata(pairs_2RN, axis=-1)
    left_RN, right_RN = rank_2RN - rank_2RN.mean(-1, keepdims=True)
    scale_R = np.sqrt((left_RN**2).sum(-1) * (right_RN**2).sum(-1))
    return np.where(scale_R > 0, (left_RN * right_RN).sum(-1) / np.where(scale_R > 0, scale_R, 1), np.nan)


def summary(found: dict[str, Any] | None) -> str:
    """As a cell of a table."""
    return "-" if found is None else f"{found['rho']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
