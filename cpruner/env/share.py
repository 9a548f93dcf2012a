"""Budgets drawn per episode: all limits times a share.

Axis letters: N episodes.
"""

import numpy as np
from numpy.typing import NDArray

from cpruner.env.projection import Countable
from cpruner.errors import InputError

Array = NDArray[np.float64]

#: Of all episodes, how many are for the whole limits, and how many for the tightest.
ENDS = 0.1


def draw(tightest: float, generator: np.random.Generator) -> float:
    """A share, log-uniform from ``tightest`` to 1; nothing is drawn where that is 1.

    A tenth of all draws is either end itself. Without them no episode would keep the tightest limits but by keeping
    tighter ones than it was asked for.
    """
    if tightest == 1.0:
        return 1.0
    along = (generator.random() - ENDS) / (1 - 2 * ENDS)
    return float(tightest ** min(max(along, 0.0), 1.0))


def spread(tightest: float, episodes: int) -> Array:
    """Shares of N episodes that cover the same interval evenly, the whole limits first; nothing is random."""
    return np.asarray(tightest ** (np.arange(episodes) / max(episodes - 1, 1)))


def check_share(countable: Countable, share: float) -> None:
    """Refuse a share that no network of the space can meet.

    Raises:
        InputError: It is not in (0, 1], or the narrowest network costs more; says how much more.
    """
    what = "share of the limits"
    if not 0.0 < share <= 1.0:
        raise InputError(what, expected="a number above 0, at most 1", got=share, remedy="Give it inside this range.")
    least = countable.scaled([0.0] * len(countable.space.groups)).max(initial=0.0)
    if share < 1.0 and least > share:  # where the whole limits are out of reach, the narrowest network is what there is
        remedy = "Raise problem.tightest, or the limits."
        raise InputError(what, expected=f"at least {least:.4g}, the narrowest network", got=share, remedy=remedy)
