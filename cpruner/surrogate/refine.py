"""Alternates optimum and calibration: what the surrogate says of its own optimum is put right by judging around it."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cpruner.surrogate.calibrate import LEAST, calibrated
from cpruner.surrogate.knapsack import knapsack
from cpruner.surrogate.problem import fits
from cpruner.surrogate.spec import Calibration
from cpruner.surrogate.surrogate import Array, Surrogate, Widths

#: Judges widths: the loss of the repaired candidate on the search split.
Judge = Callable[[tuple[int, ...]], float]

#: The optimum is looked for within so many spreads of the neighbours.
_REGION = 3
#: What a judgement far from the best one counts.
_FAR = 0.02


@dataclass(frozen=True, eq=False)
class Refinement:
    """What came of it.

    Args:
        made: The surrogate, calibrated on everything judged.
        width_NG: All judged widths, in order; those known beforehand come first.
        loss_N: Their losses.
        optima: The optimum of every round.
        best: Widths with the least loss of those that meet the limits.
    """

    made: Surrogate
    width_NG: Widths
    loss_N: Array
    optima: tuple[tuple[int, ...], ...]
    best: tuple[int, ...]


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
        judge: Judges widths that meet the limits; none twice.
        limits: ``(field of Counts, absolute limit)`` of every budget.
        judged: Widths and losses known beforehand, whether they meet the limits or not.
        spec: Options.

    Raises:
        InputError: A limit is none (see ``knapsack``), or a loss is not above 0.
        InfeasibleError: No width meets the limits.
    """
    spec = spec or Calibration()
    generator = np.random.default_rng(spec.seed)
    known = {tuple(int(width) for width in widths): float(loss) for widths, loss in judged}
    optima: list[tuple[int, ...]] = []
    best: tuple[int, ...] | None = None
    for _ in range(spec.rounds + 1):
        # the first optimum may lie anywhere: nothing says yet where the surrogate can be trusted
        optima.append(knapsack(made, limits, near=best, radius=_REGION * spec.radius))
        _judge(judge, known, optima[-1:])
        _judge(judge, known, _neighbours(made, _best(made, known, limits), limits, spec, generator))
        best = _best(made, known, limits)
        made = _calibrated(made, known, known[best], spec)
    width_NG, loss_N = np.array(list(known), dtype=np.int64), np.array(list(known.values()))
    return Refinement(made, width_NG, loss_N, tuple(optima), _best(made, known, limits))


def _judge(judge: Judge, known: dict[tuple[int, ...], float], candidates: Sequence[tuple[int, ...]]) -> None:
    """What is no number is as bad as can be."""
    for widths in candidates:
        if widths not in known:
            loss = judge(widths)
            known[widths] = loss if math.isfinite(loss) else math.inf


def _best(
    made: Surrogate, known: Mapping[tuple[int, ...], float], limits: Sequence[tuple[str, float]]
) -> tuple[int, ...]:
    fits_N = fits(made, np.array(list(known)), limits)
    return min((widths for widths, fit in zip(known, fits_N, strict=True) if fit), key=known.__getitem__)


def _neighbours(
    made: Surrogate,
    centre: tuple[int, ...],
    limits: Sequence[tuple[str, float]],
    spec: Calibration,
    generator: np.random.Generator,
) -> list[tuple[int, ...]]:
    """Keep ratios changed at random, then scaled back onto the budget."""
    size_G = np.array(made.space.sizes)
    found = []
    for _ in range(spec.neighbours):
        ratio_G = np.array(centre) / size_G * np.exp(generator.normal(0, spec.radius, len(centre)))
        low, high = 0.0, 1.0 / float(ratio_G.min())
        for _ in range(30):
            middle = (low + high) / 2
            fit = fits(made, np.array([_scaled(made, ratio_G, middle)]), limits)[0]
            low, high = (middle, high) if fit else (low, middle)
        found.append(_scaled(made, ratio_G, low))
    return found


def _scaled(made: Surrogate, ratio_G: Array, factor: float) -> tuple[int, ...]:
    return made.space.widths(np.clip(factor * ratio_G, 0, 1).tolist())


def _calibrated(made: Surrogate, known: Mapping[tuple[int, ...], float], least: float, spec: Calibration) -> Surrogate:
    """Fit to everything known, if that is enough; what is as good as the best counts most, whatever it costs."""
    finite = {widths: loss for widths, loss in known.items() if math.isfinite(loss)}
    if len(finite) < LEAST:
        return made
    loss_N = np.array(list(finite.values()))
    with np.errstate(invalid="ignore", divide="ignore"):  # a loss below 0 is refused below
        weight_N = np.exp(-np.abs(np.log(loss_N / least)) / spec.focus) + _FAR
    return calibrated(made, np.array(list(finite)), loss_N, folds=spec.folds, weight_N=weight_N)
