"""Lowering actions until the groups to come can still meet the budgets (He et al. 2018, algorithm 1).

AMC keeps one cost that is linear in the action; here any number of countable budgets, each any count of the algebra.

Axis letters: N episodes, T groups decided, G groups, W legal ratios.
"""

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.env.projection import Countable

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Clipped:
    """At every step the largest keep ratio with which all budgets can be met if all groups to come go to the lowest.

    Args:
        countable: The budgets.
        lowest: The lowest ratio; where it cannot meet the budgets everywhere, the narrowest width takes its place.
        table_GW: Ratios that an action may be lowered to, rising, for every group.
    """

    countable: Countable
    lowest: float
    table_GW: tuple[Array, ...]

    def lower(self, decided_NT: Array, wanted_N: Array, share_N: Array | None = None) -> Array:
        """What becomes of the next action.

        An action with which the budgets can be met stays as it is, so a feasible proposal does.

        Args:
            decided_NT: What was executed before.
            wanted_N: The actions, keep ratios from ``lowest`` to 1.
            share_N: Shares of the limits.
        """
        if not self.countable.limits:
            return wanted_N
        episodes, step = decided_NT.shape
        table_W = self.table_GW[step]
        floor_N = self.countable.floor_of(episodes, self.lowest, share_N)
        rest_NG = np.broadcast_to(floor_N[:, None], (episodes, len(self.table_GW) - step - 1))

        def fitting(ratio_N: Array) -> NDArray[np.bool_]:
            return self.countable.fits_of(np.concatenate([decided_NT, ratio_N[:, None], rest_NG], axis=1), share_N)

        stays_N = fitting(wanted_N)
        if stays_N.all():
            return wanted_N
        low_N = np.full(episodes, -1)  # the floor; what is below it in the table counts as the floor, too
        high_N = np.searchsorted(table_W, wanted_N)
        while (apart_N := high_N - low_N > 1).any():
            middle_N = np.where(apart_N, (low_N + high_N) // 2, 0)
            fits_N = apart_N & fitting(np.maximum(table_W[middle_N], floor_N))
            low_N, high_N = np.where(fits_N, middle_N, low_N), np.where(apart_N & ~fits_N, middle_N, high_N)
        lowered_N = np.where(low_N < 0, floor_N, np.maximum(table_W[low_N], floor_N))
        return np.where(stays_N, wanted_N, lowered_N)

    def settle(self, ratio_NG: Array, share_N: Array | None = None) -> Array:
        """All steps of whole proposals; what was lowered before stays as it is."""
        if self.countable.fits_of(ratio_NG, share_N).all():
            return ratio_NG
        done_NT = ratio_NG[:, :0]
        for wanted_N in ratio_NG.T:
            done_NT = np.concatenate([done_NT, self.lower(done_NT, wanted_N, share_N)[:, None]], axis=1)
        return done_NT


def legal_ratios(countable: Countable) -> tuple[Array, ...]:
    """Keep ratios of the legal widths of every group, rising; each rounds to its own width."""
    sizes = np.array(countable.space.sizes)
    wanted_WG = np.minimum(np.arange(sizes.max() + 1)[:, None] / sizes, 1.0)
    width_WG = countable.space.widths_of(wanted_WG)
    return tuple(np.unique(width_W) / size for width_W, size in zip(width_WG.T, sizes, strict=True))
