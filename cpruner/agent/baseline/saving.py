"""Which of several savings loses least.

Axis letters: N sequences.
"""

from collections.abc import Sequence

import numpy as np

from cpruner.agent.baseline.trial import Trial

_ENOUGH = 0.75  # part of what is wanted that will do: to go on for the rest would take as many episodes again
_SCALED = 4.0  # by how much the loss of a sequence that saved less than wanted is raised at most


def cheapest(kept: Trial, found: Sequence[Trial], constraint: int, wanted: float) -> list[Trial]:
    """The sequences that lose the least reward and together save most of what is wanted.

    Args:
        kept: What they are compared with.
        found: At least one sequence.
        constraint: Index of the cost to save.
        wanted: How much of it, positive.

    Returns:
        One sequence if it saves enough by itself, else the best ones, best first; those that save nothing only if
        all are such.
    """
    saved_N = np.array([kept.cost_K[constraint] - trial.cost_K[constraint] for trial in found])
    if not (saved_N > 0.0).any():
        return list(found)
    lost_N = np.array([kept.reward - trial.reward for trial in found])
    # In proportion to saving as much as is wanted; a gain is not raised, as it may be noise.
    factor_N = np.minimum(wanted / np.where(saved_N > 0.0, saved_N, np.inf), np.where(lost_N > 0.0, _SCALED, 1.0))
    order_N = np.argsort(np.where(saved_N > 0.0, lost_N * factor_N, np.inf), kind="stable")[: (saved_N > 0.0).sum()]
    count = int(np.searchsorted(np.cumsum(saved_N[order_N]), _ENOUGH * wanted)) + 1
    return [found[index] for index in order_N[:count]]
