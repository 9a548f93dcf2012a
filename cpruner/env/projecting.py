"""The nearest keep ratios within all countable budgets at once.

Minimise sum_g (log r_g - log p_g)^2 subject to log count_k(r) <= log(s limit_k) for all k: with counts that are
posynomials in the widths a geometric program (Boyd et al. 2007), convex in the logarithms.

Axis letters: N choices, G groups, W legal ratios, Z variables.
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from cpruner.env.clipping import legal_ratios
from cpruner.env.posynomial import Posynomials
from cpruner.env.projection import Countable

Array = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Projected:
    """Moves every proposal to the nearest keep ratios that meet the budgets; one that meets them stays.

    The program's solution is rounded down to legal widths, then widths that are still too narrow are raised again, the
    one that gains most first, as long as the budgets hold. Never farther from the proposal than the scaled one.

    Args:
        countable: The budgets.
        lowest: No ratio goes below this, unless the budgets cannot be met otherwise.
    """

    countable: Countable
    lowest: float

    def settle(self, ratio_NG: Array, share_N: Array | None = None) -> Array:
        """Project whole proposals, one after the other."""
        settled_NG = np.array(ratio_NG)
        floor_N = self.countable.floor_of(len(ratio_NG), self.lowest, share_N)
        for row in np.flatnonzero(~self.countable.fits_of(ratio_NG, share_N)):
            share = 1.0 if share_N is None else float(share_N[row])
            settled_NG[row] = self._project(ratio_NG[row], float(floor_N[row]), share)
        return settled_NG

    def relaxed(self, ratio_G: Array, floor: float, share: float = 1.0) -> Array | None:
        """The solution of the convex program, whose widths need not be whole; None where the solver fails.

        Args:
            ratio_G: The proposal.
            floor: No ratio goes below this.
            share: Share of the limits.
        """
        import cvxpy as cp  # a second of its own, so only where it is used

        problem, solution_Z, given = self._program
        given["target"].value = np.log(np.maximum(ratio_G, self._least(floor)))
        given["least"].value = np.log(self._least(floor))
        given["share"].value = float(np.log(share))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of a solution that is not exact: it is rounded, and checked
                problem.solve(solver=cp.CLARABEL)
        except cp.error.SolverError:
            return None
        found_Z = solution_Z.value
        return None if found_Z is None else np.minimum(np.exp(found_Z[: len(ratio_G)]), 1.0)

    def distance_of(self, ratio_G: Array, reached_NG: Array, floor: float = 0.0) -> Array:
        """Sums of squared logarithms of legal ratios over those of a proposal, shape (N,)."""
        least_G = self._least(floor)
        return np.asarray((np.log(reached_NG / np.maximum(ratio_G, least_G)) ** 2).sum(axis=1))

    def _project(self, ratio_G: Array, floor: float, share: float) -> Array:
        share_N = np.full(1, share)
        scaled_G = self.countable.fit_of(ratio_G[None], self.lowest, share_N)[0]
        trials = [self._legal(scaled_G)]
        relaxed_G = self.relaxed(ratio_G, floor, share)
        if relaxed_G is not None:
            trials += [self._down(relaxed_G * (1 + slack), floor) for slack in (1e-6, -1e-6)]
        trial_NG = np.array(trials)
        fits_N = self.countable.fits_of(trial_NG, np.full(len(trials), share))
        if not fits_N.any():
            return np.zeros_like(ratio_G)  # not even the narrowest network does
        away_N = np.where(fits_N, self.distance_of(ratio_G, trial_NG, floor), np.inf)
        return self._raised(ratio_G, trial_NG[away_N.argmin()], floor, share)

    def _raised(self, ratio_G: Array, reached_G: Array, floor: float, share: float) -> Array:
        """The next legal width for one group after the other, as long as that is nearer and fits."""
        groups = np.arange(len(ratio_G))
        while True:
            next_G = np.array(
                [
                    table_W[min(int(np.searchsorted(table_W, r)) + 1, len(table_W) - 1)]
                    for table_W, r in zip(self._tables, reached_G, strict=True)
                ]
            )
            trial_GG = np.where(groups[:, None] == groups, next_G, reached_G)
            nearer_G = self.distance_of(ratio_G, trial_GG, floor)
            fits_G = self.countable.fits_of(trial_GG, np.full(len(groups), share))
            nearer_G = np.where(fits_G, nearer_G, np.inf)
            best = int(nearer_G.argmin())
            if nearer_G[best] >= self.distance_of(ratio_G, reached_G[None], floor)[0]:
                return reached_G
            reached_G = trial_GG[best]

    @cached_property
    def _tables(self) -> tuple[Array, ...]:
        return legal_ratios(self.countable)

    def _least(self, floor: float) -> Array:
        """Ratios of the widths that the floor rounds to."""
        return self._legal(np.full(len(self.countable.space.groups), floor))

    def _legal(self, ratio_G: Array) -> Array:
        return np.asarray(self.countable.space.widths_of(ratio_G[None])[0] / np.array(self.countable.space.sizes))

    def _down(self, ratio_G: Array, floor: float) -> Array:
        """The legal ratios next below, or those of the floor."""
        places = [int(np.searchsorted(t, r, side="right")) - 1 for t, r in zip(self._tables, ratio_G, strict=True)]
        below_G = np.array([table_W[max(place, 0)] for table_W, place in zip(self._tables, places, strict=True)])
        return np.asarray(np.maximum(below_G, self._least(floor)))

    @cached_property
    def _program(self) -> tuple[Any, Any, dict[str, Any]]:
        """The program, stated once: its variables (logarithms of ratios and of lengths) and parameters."""
        import cvxpy

        cp: Any = cvxpy  # it re-exports its names implicitly, which strict typing refuses

        groups = len(self.countable.space.groups)
        size_G = np.array(self.countable.space.sizes, dtype=np.float64)
        counts = Posynomials.of(self.countable.space.algebra, groups)
        z_Z = cp.Variable(groups + len(counts.lengths))
        shift_Z = np.concatenate([np.log(size_G), np.zeros(len(counts.lengths))])
        given = {"target": cp.Parameter(groups), "least": cp.Parameter(groups), "share": cp.Parameter()}

        def log(of: Any) -> Any:
            return cp.log_sum_exp(of.exponent_MZ @ z_Z + (of.exponent_MZ @ shift_Z + of.log_M))

        within = [given["least"] <= z_Z[:groups], z_Z[:groups] <= 0]
        within += [log(length) <= z_Z[groups + place] for place, length in enumerate(counts.lengths)]
        for name, limit in self.countable.limits:
            if len(counts.counts[name].log_M):  # a count that is always 0 has no logarithm, and meets every limit
                within.append(log(counts.counts[name]) - np.log(limit) <= given["share"])
        return cp.Problem(cp.Minimize(cp.sum_squares(z_Z[:groups] - given["target"])), within), z_Z, given
