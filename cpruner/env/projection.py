"""Countable costs of choices of keep ratios, and the scale that puts them on the budget.

Axis letters: N choices, G groups, K countable budgets.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cpruner.space import PruningSpace

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Countable:
    """Budgets that the space's algebra predicts exactly: ``(field of Counts, absolute limit)`` each."""

    space: PruningSpace
    limits: tuple[tuple[str, float], ...]

    def scaled_of(self, ratio_NG: Array) -> Array:
        """Predicted cost over limit of every choice and countable budget, shape (N, K)."""
        counts = self.space.algebra.count(self.space.widths_of(ratio_NG))
        scaled = [counts[name] / limit for name, limit in self.limits]
        return np.stack(scaled, axis=1) if scaled else np.zeros((len(ratio_NG), 0))

    def scaled(self, ratio_G: Sequence[float]) -> Array:
        """Predicted cost over limit of every countable budget, shape (K,)."""
        return np.asarray(self.scaled_of(np.array([ratio_G], dtype=np.float64))[0])

    def fits(self, ratio_G: Sequence[float]) -> bool:
        """Whether every countable budget is met."""
        return bool((self.scaled(ratio_G) <= 1.0).all())

    def fit(self, ratio_G: Array, lowest: float, *, iterations: int = 32) -> Array:
        """Scale keep ratios by the largest factor that still meets every budget; see ``fit_of``."""
        return np.asarray(self.fit_of(ratio_G[None], lowest, iterations=iterations)[0])

    def fit_of(self, ratio_NG: Array, lowest: float, *, iterations: int = 32) -> Array:
        """Scale every choice by the largest factor that still meets every budget (bisection: costs rise with width).

        Args:
            ratio_NG: Proposed keep ratios in [0, 1].
            lowest: No ratio is scaled below this, unless the budget cannot be met otherwise.
            iterations: Halvings of the interval; the default resolves any width below a million channels.

        Returns:
            Keep ratios that meet every countable budget whenever the narrowest network does.
        """
        if not self.limits:
            return ratio_NG
        groups = ratio_NG.shape[1]
        floor = next((f for f in (lowest, 0.0) if self.fits([f] * groups)), None)
        if floor is None:
            return np.zeros_like(ratio_NG)
        smallest_N = ratio_NG.min(axis=1, where=ratio_NG > 0, initial=1.0)
        low_N, high_N = np.zeros(len(ratio_NG)), 1.0 / np.maximum(smallest_N, 1e-6)

        def fitting(scale_N: Array) -> NDArray[np.bool_]:
            ratios = np.clip(scale_N[:, None] * ratio_NG, floor, 1.0)
            return np.asarray((self.scaled_of(ratios) <= 1.0).all(axis=1))

        low_N = np.where(fitting(high_N), high_N, low_N)
        for _ in range(iterations):
            middle_N = (low_N + high_N) / 2
            fits_N = fitting(middle_N)
            low_N, high_N = np.where(fits_N, middle_N, low_N), np.where(fits_N, high_N, middle_N)
        return np.clip(low_N[:, None] * ratio_NG, floor, 1.0)
