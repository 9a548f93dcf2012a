"""What is judged for a proposal: as it is, scaled, clipped, projected or repaired.

Axis letters: N episodes, G groups.
"""

import math
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

from cpruner.env.action import Actions
from cpruner.env.clipping import Clipped, legal_ratios
from cpruner.env.observation import Observer
from cpruner.env.projecting import Projected
from cpruner.env.projection import Countable
from cpruner.env.spec import PruningProblem

Array = NDArray[np.float64]


class Feasibility(Protocol):
    """How whole proposals are made to meet budgets; limits are multiplied by a share per episode, None is 1 for all."""

    def settle(self, ratio_NG: Array, share_N: Array | None = None) -> Array:
        """Keep ratios that are judged for proposals."""
        ...


@final
@dataclass(frozen=True)
class Soft:
    """The proposal as it is: only multipliers teach the agent the budgets."""

    def settle(self, ratio_NG: Array, share_N: Array | None = None) -> Array:  # noqa: ARG002 - no limit is looked at
        """Nothing is done."""
        return ratio_NG


@final
@dataclass(frozen=True)
class Scaled:
    """One factor on all keep ratios, the largest with which every countable budget is met.

    Args:
        countable: The budgets.
        lowest: Smallest keep ratio.
        highest: Largest factor; 1 leaves a proposal alone that has a reason to be narrower than these budgets ask for.
    """

    countable: Countable
    lowest: float
    highest: float = math.inf

    def settle(self, ratio_NG: Array, share_N: Array | None = None) -> Array:
        """Scale every proposal; see ``Countable.fit_of``."""
        return self.countable.fit_of(ratio_NG, self.lowest, share_N, highest=self.highest)


def feasibility(spec: PruningProblem, countable: Countable, observer: Observer) -> Feasibility:
    """The rule that an option names, without measurements.

    Where measured costs count (``repaired``), they are taken as proportional to FLOPs, as in the observation.

    Args:
        spec: The options.
        countable: Budgets that can be counted.
        observer: Knows all budgets.
    """
    if spec.feasibility == "soft":
        return Soft()
    if spec.feasibility == "clipped":
        levels = Actions.of(spec, countable.space).levels
        groups = len(countable.space.groups)
        return Clipped(countable, spec.lowest, legal_ratios(countable) if levels is None else (levels,) * groups)
    if spec.feasibility == "projected":
        return Projected(countable, spec.lowest)
    if spec.feasibility == "repaired":
        return Scaled(estimated(countable, observer), spec.lowest)
    return Scaled(countable, spec.lowest, 1.0 if None in observer.counted.values() else math.inf)


def estimated(countable: Countable, observer: Observer) -> Countable:
    """All budgets as countable ones, those that are measured as FLOPs."""
    dense = countable.space.algebra.counts(countable.space.sizes).flops
    measured = [reading for reading in observer.dense if observer.counted[reading.name] is None]
    limits = [("flops", dense / reading.scaled) for reading in measured if reading.scaled > 0]
    return Countable(countable.space, (*countable.limits, *limits))
