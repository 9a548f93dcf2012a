"""What the knapsack decides: legal widths of every group, what they are worth, what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.errors import InfeasibleError, InputError
from cpruner.surrogate.surrogate import Array, Surrogate, Widths

#: Fields of ``Counts`` and their units.
_UNITS = {"flops": "FLOPs", "macs": "MACs", "params": "params"}
#: Candidates that are counted at once.
_PART = 512


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """Widths to choose.

    Args:
        made: The surrogate, which counts.
        limits: ``(field of Counts, absolute limit)`` of every budget.
        table_GW: What every width of every group adds to the sum that the predicted loss rises with.
        legal: Widths that each group may have, rising.
    """

    made: Surrogate
    limits: tuple[tuple[str, float], ...]
    table_GW: Array
    legal: tuple[Widths, ...]

    @classmethod
    def of(
        cls, made: Surrogate, limits: Sequence[tuple[str, float]], near: Sequence[int] | None, radius: float
    ) -> "Problem":
        """State the problem.

        Raises:
            InputError: There is no limit, or one on something that is not counted, or one that is not above 0.
            InfeasibleError: The narrowest network within the region exceeds a budget; names it and the count.
        """
        if not limits or not all(name in _UNITS and 0 < limit < np.inf for name, limit in limits):
            expected = f"amounts above 0 of {', '.join(_UNITS)}"
            raise InputError("limits", expected=expected, got=list(limits), remedy="Give pairs of field and amount.")
        problem = cls(made, tuple(limits), made.table_GW, _legal(made, near, radius))
        least = made.count(problem.narrowest[None])
        for name, limit in limits:
            if least[name][0] > limit:
                smallest, unit = float(least[name][0]), _UNITS[name]
                remedy = "Raise this limit, or let more of the network be pruned."
                raise InfeasibleError(name, limit=limit, smallest=smallest, unit=unit, remedy=remedy)
        return problem

    @property
    def narrowest(self) -> Widths:
        """The least legal width of every group; it meets every budget."""
        return np.array([widths[0] for widths in self.legal])

    @property
    def widest(self) -> Widths:
        """The largest legal width of every group."""
        return np.array([widths[-1] for widths in self.legal])

    def worth(self, width_NG: Widths) -> Array:
        """The sum that the predicted loss rises with, (N,)."""
        return np.asarray(self.table_GW[np.arange(len(self.legal)), width_NG].sum(axis=1))

    def shares(self, width_NG: Widths) -> Array:
        """Counts over limits, (N, K)."""
        counts = self.made.count(width_NG)
        return np.stack([counts[name] / limit for name, limit in self.limits], axis=1)

    def better(self, width_G: Widths, trial_NG: Widths) -> Widths | None:
        """The best of some trials that meets every budget and is better than ``width_G``; None if there is none."""
        worth_N = self.worth(trial_NG)
        promising = np.flatnonzero(worth_N < self.worth(width_G[None])[0] * (1 - 1e-12))
        order = promising[np.argsort(worth_N[promising], kind="stable")]
        for start in range(0, len(order), _PART):
            part_NG = trial_NG[order[start : start + _PART]]
            fits_N = fits(self.made, part_NG, self.limits)
            if fits_N.any():
                return np.asarray(part_NG[int(fits_N.argmax())])
        return None


def fits(made: Surrogate, width_NG: Widths, limits: Sequence[tuple[str, float]]) -> NDArray[np.bool_]:
    """Which candidates meet every limit, (N,)."""
    counts = made.count(width_NG)
    return np.asarray(np.stack([counts[name] <= limit for name, limit in limits], axis=1).all(axis=1))


def _legal(made: Surrogate, near: Sequence[int] | None, radius: float) -> tuple[Widths, ...]:
    found = []
    for group, (size, part) in enumerate(zip(made.space.sizes, made.space.groups, strict=True)):
        ratios = np.arange(size + 1) / size
        widths = np.unique([made.space.rounding.width(size, float(ratio), part.step) for ratio in ratios])
        if near is not None:
            inside = np.abs(np.log(widths / near[group])) <= radius
            inside[max(int(np.searchsorted(widths, near[group], side="right")) - 1, 0)] = True
            widths = widths[inside]
        found.append(widths.astype(np.int64))
    return tuple(found)
