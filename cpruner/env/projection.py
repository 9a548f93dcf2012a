"""Countable costs of a choice of keep ratios, and the scale that puts it on the budget.

Axis letters: G groups, K countable budgets.
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

    def scaled(self, ratio_G: Sequence[float]) -> Array:
        """Predicted cost over limit of every countable budget, shape (K,)."""
        counts = self.space.algebra.counts(self.space.widths(ratio_G))
        return np.array([getattr(counts, name) / limit for name, limit in self.limits], dtype=np.float64)

    def fits(self, ratio_G: Sequence[float]) -> bool:
        """Whether every countable budget is met."""
        return bool((self.scaled(ratio_G) <= 1.0).all())

    def fit(self, ratio_G: Array, lowest: float, *, iterations: int = 32) -> Array:
        """Scale keep ratios by the largest factor that still meets every budget (bisection: costs rise with width).

        Args:
            ratio_G: Proposed keep ratios in [0, 1].
            lowest: No ratio is scaled below this, unless the budget cannot be met otherwise.
            iterations: Halvings of the interval; the default resolves any width below a million channels.

        Returns:
            Keep ratios that meet every countable budget whenever the narrowest network does.
        """
        if not self.limits:
            return ratio_G
        for floor in (lowest, 0.0):
            low, high = 0.0, 1.0 / max(float(ratio_G.min(where=ratio_G > 0, initial=1.0)), 1e-6)
            if self.fits(np.clip(high * ratio_G, floor, 1.0).tolist()):
                return np.clip(high * ratio_G, floor, 1.0)
            if not self.fits(np.full_like(ratio_G, floor).tolist()):
                continue
            for _ in range(iterations):
                middle = (low + high) / 2
                fits = self.fits(np.clip(middle * ratio_G, floor, 1.0).tolist())
                low, high = (middle, high) if fits else (low, middle)
            return np.clip(low * ratio_G, floor, 1.0)
        return np.zeros_like(ratio_G)
