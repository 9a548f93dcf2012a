"""Countable costs of choices of keep ratios, and the scale that puts them on the budget.

Axis letters: N choices, G groups, K countable budgets.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cpruner.space import PruningSpace

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Countable:
    """Budgets that the space's algebra predicts exactly: ``(field of Counts, absolute limit)`` each.

    Wherever shares are given, all limits are multiplied by them, choice by choice; None is 1 for all.
    """

    space: PruningSpace
    limits: tuple[tuple[str, float], ...]

    def scaled_of(self, ratio_NG: Array, share_N: Array | None = None) -> Array:
        """Predicted cost over limit of every choice and countable budget, shape (N, K)."""
        counts = self.space.algebra.count(self.space.widths_of(ratio_NG))
        scaled = [counts[name] / limit for name, limit in self.limits]
        scaled_NK = np.stack(scaled, axis=1) if scaled else np.zeros((len(ratio_NG), 0))
        return scaled_NK if share_N is None else scaled_NK / share_N[:, None]

    def scaled(self, ratio_G: Sequence[float]) -> Array:
        """Predicted cost over limit of every countable budget, shape (K,)."""
        return np.asarray(self.scaled_of(np.array([ratio_G], dtype=np.float64))[0])

    def fits_of(self, ratio_NG: Array, share_N: Array | None = None) -> NDArray[np.bool_]:
        """Which choices meet every countable budget, shape (N,)."""
        return np.asarray((self.scaled_of(ratio_NG, share_N) <= 1.0).all(axis=1))

    def fits(self, ratio_G: Sequence[float]) -> bool:
        """Whether every countable budget is met."""
        return bool(self.fits_of(np.array([ratio_G], dtype=np.float64))[0])

    def floor_of(self, episodes: int, lowest: float, share_N: Array | None = None) -> Array:
        """Ratio no group goes below, shape (N,): ``lowest`` if the budgets can be met with it everywhere, else 0."""
        lowest_NG = np.full((episodes, len(self.space.groups)), lowest)
        return np.where(self.fits_of(lowest_NG, share_N), lowest, 0.0)

    def fit(self, ratio_G: Array, lowest: float, *, iterations: int = 32) -> Array:
        """Scale keep ratios by the largest factor that still meets every budget; see ``fit_of``."""
        return np.asarray(self.fit_of(ratio_G[None], lowest, iterations=iterations)[0])

    def fit_of(
        self,
        ratio_NG: Array,
        lowest: float,
        share_N: Array | None = None,
        *,
        highest: float = math.inf,
        iterations: int = 32,
    ) -> Array:
        """Scale every choice by the largest factor that still meets every budget (bisection: costs rise with width).

        Args:
            ratio_NG: Proposed keep ratios in [0, 1].
            lowest: No ratio is scaled below this, unless the budget cannot be met otherwise.
            share_N: Shares of the limits.
            highest: No choice is scaled by more than this.
            iterations: Halvings of the interval; the default resolves any width below a million channels.

        Returns:
            Keep ratios that meet every countable budget whenever the narrowest network does.
        """
        if not self.limits:
            return ratio_NG
        floor_N1 = self.floor_of(len(ratio_NG), lowest, share_N)[:, None]
        hopeless_N = ~self.fits_of(np.broadcast_to(floor_N1, ratio_NG.shape), share_N)
        smallest_N = ratio_NG.min(axis=1, where=ratio_NG > 0, initial=1.0)
        low_N, high_N = np.zeros(len(ratio_NG)), np.minimum(1.0 / np.maximum(smallest_N, 1e-6), highest)

        def fitting(scale_N: Array) -> NDArray[np.bool_]:
            return self.fits_of(np.clip(scale_N[:, None] * ratio_NG, floor_N1, 1.0), share_N)

        low_N = np.where(fitting(high_N), high_N, low_N)
        for _ in range(iterations):
            middle_N = (low_N + high_N) / 2
            fits_N = fitting(middle_N)
            low_N, high_N = np.where(fits_N, middle_N, low_N), np.where(fits_N, high_N, middle_N)
        return np.where(hopeless_N[:, None], 0.0, np.clip(low_N[:, None] * ratio_NG, floor_N1, 1.0))
