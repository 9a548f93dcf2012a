"""Alternates optimum and calibration: what the surrogate says of its own optimum is put right by judging around it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cpruner.surrogate.calibrate import calibrated
from cpruner.surrogate.knapsack import knapsack
from cpruner.surrogate.spec import Calibration
from cpruner.surrogate.surrogate import Array, Surrogate, Widths

#: Judges widths: the loss of the repaired candidate on the search split.
Judge = Callable[[tuple[int, ...]], float]


@dataclass(frozen=True, eq=False)
class Refinement:
    """What came of it.

    Args:
        made: The surrogate, calibrated on everything judged.
        width_NG: All judged widths, in order.
        loss_N: Their losses.
        optima: The optimum of every round.
    """

    made: Surrogate
    width_NG: Widths
    loss_N: Array
    optima: tuple[tuple[int, ...], ...]

    @property
    def best(self) -> tuple[int, ...]:
        """Judged widths with the least loss."""
        return tuple(int(width) for width in self.width_NG[int(self.loss_N.argmin())])


def refine(
    made: Surrogate,
    judge: Judge,
    limits: Sequence[tuple[str, float]],
    judged: Sequence[tuple[Sequence[int], float]] = (),
    spec: Calibration | None = None,
) -> Refinement:
    """Start from the optimum as it is; in every round judge the optimum and neighbours of the best, and calibrate.

    Args:
        made: The surrogate, calibrated or not.
        judge: Judges widths that meet the limits.
        limits: ``(field of Counts, absolute limit)`` of every budget.
        judged: Widths and losses known beforehand.
        spec: Options.

    Raises:
        InfeasibleError: No width meets the limits.
    """
    spec = spec or Calibration()
    generator = np.random.default_rng(spec.seed)
    known = {tuple(int(width) for width in widths): float(loss) for widths, loss in judged}
    optima: list[tuple[int, ...]] = []
    for number in range(spec.rounds + 1):
        near, radius = (None, np.inf) if number == 0 else (min(known, key=known.__getitem__), 3 * spec.radius)
        optima.append(knapsack(made, limits, near=near, radius=radius))
        for widths in (optima[-1], *_neighbours(made, optima[-1], known, limits, spec, generator)):
            if widths not in known:
                known[widths] = judge(widths)
        made = _calibrated(made, known, spec)
    width_NG, loss_N = np.array(list(known), dtype=np.int64), np.array(list(known.values()))
    return Refinement(made, width_NG, loss_N, tuple(optima))


def _neighbours(
    made: Surrogate,
    optimum: tuple[int, ...],
    known: dict[tuple[int, ...], float],
    limits: Sequence[tuple[str, float]],
    spec: Calibration,
    generator: np.random.Generator,
) -> list[tuple[int, ...]]:
    """Around the best that is known: keep ratios changed at random, then scaled back onto the budget."""
    centre = np.array(min(known, key=known.__getitem__) if known else optimum)
    size_G = np.array(made.space.sizes)
    found = []
    for _ in range(spec.neighbours):
        ratio_G = np.clip(centre / size_G * np.exp(generator.normal(0, spec.radius, len(centre))), 0, 1)
        low, high = 0.0, 1.0 / max(float(ratio_G.min()), 1e-6)
        for _ in range(30):
            middle = (low + high) / 2
            widths = made.space.widths(np.clip(middle * ratio_G, 0, 1).tolist())
            counts = made.count(np.array([widths]))
            fits = all(counts[name][0] <= limit for name, limit in limits)
            low, high = (middle, high) if fits else (low, middle)
        found.append(tuple(made.space.widths(np.clip(low * ratio_G, 0, 1).tolist())))
    return found


def _calibrated(made: Surrogate, known: dict[tuple[int, ...], float], spec: Calibration) -> Surrogate:
    loss_N = np.array(list(known.values()))
    weight_N = np.exp(-(np.log(loss_N) - np.log(loss_N).min()) / spec.focus) + 0.02
    width_NG = np.array(list(known), dtype=np.int64)
    return calibrated(made, width_NG, loss_N, folds=spec.folds, weight_N=weight_N)
