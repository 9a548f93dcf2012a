"""Linear probe: how well a linear function of what the agent sees predicts the return of the episode.

At every step position a ridge regression is fitted to the returns of some episodes and tried on others. What it
predicts there is compared with the mean return of the episodes it was fitted to, which knows the position alone.

Axis letters: N episodes, T steps, B rows of one fit, O observation entries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import GroupKFold

from cpruner.errors import InputError

Array = NDArray[np.float64]

FOLDS = 5
FEWEST = 20
"""Distinct episodes without which a share of variance means nothing."""
_ALPHAS = np.logspace(-2, 5, 22)
_CONSTANT = 1e-9  # an entry that varies less than this is noise of the mean


@dataclass(frozen=True)
class Probe:
    """R^2 on episodes left out: the share of the variance of the return that is predicted; below 0 is worse than none.

    Args:
        episodes: Episodes used.
        distinct: Episodes that differ in their actions; equal ones are always left out together.
        r2_T: Of one probe per step position.
        baseline_r2_T: Of the mean return at that position.
        pooled_r2: Of a single probe for all positions, which is what a linear critic could do.
        weight: Entry of the observation -> R^2 that is lost when the probes see its mean instead, averaged over
            positions; entries that say the same share it.
    """

    episodes: int
    distinct: int
    r2_T: tuple[float, ...]
    baseline_r2_T: tuple[float, ...]
    pooled_r2: float
    weight: Mapping[str, float]


def probe(observation_NTO: Array, return_N: Array, group_N: NDArray[np.int64], names: Sequence[str]) -> Probe:
    """Probe episodes of one length.

    Args:
        observation_NTO: What the agent saw.
        return_N: Sum of the rewards of every episode.
        group_N: Number of every episode's sequence of actions; those of one number are never on both sides of a fold.
        names: Of the entries of an observation.

    Raises:
        InputError: There are too few episodes, or all have the same return.
    """
    episodes, steps, _ = observation_NTO.shape
    distinct = len(np.unique(group_N))
    if distinct < FEWEST:
        raise InputError(
            "episodes",
            expected=f"at least {FEWEST} that differ in their actions",
            got=distinct,
            remedy="Search for longer.",
        )
    if np.ptp(return_N) <= _CONSTANT:
        raise InputError("returns", expected="some that differ", got=f"{return_N[0]:.6g} alone", remedy="Search on.")
    tried = [_held_out(observation_NTO[:, t], return_N, group_N) for t in range(steps)]
    pooled = _held_out(observation_NTO.reshape(episodes * steps, -1), np.repeat(return_N, steps), _each(group_N, steps))
    lost_TO = np.stack([one.without_O for one in tried])
    return Probe(
        episodes=episodes,
        distinct=distinct,
        r2_T=tuple(one.r2 for one in tried),
        baseline_r2_T=tuple(one.baseline_r2 for one in tried),
        pooled_r2=pooled.r2,
        weight={name: float(lost) for name, lost in zip(names, lost_TO.mean(axis=0), strict=True)},
    )


def _each(group_N: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    return np.repeat(group_N, steps)


@dataclass(frozen=True)
class _HeldOut:
    r2: float
    baseline_r2: float
    without_O: Array


def _held_out(x_BO: Array, y_B: Array, group_B: NDArray[np.int64]) -> _HeldOut:
    """Fit and try, fold by fold."""
    error, baseline = np.zeros_like(y_B), np.zeros_like(y_B)
    without_BO = np.zeros_like(x_BO)
    for fit, left in GroupKFold(n_splits=FOLDS).split(x_BO, y_B, group_B):
        mean_O, std_O = x_BO[fit].mean(axis=0), x_BO[fit].std(axis=0)
        scale_O = np.where(std_O > _CONSTANT, 1.0 / np.maximum(std_O, _CONSTANT), 0.0)
        ridge = RidgeCV(alphas=_ALPHAS).fit((x_BO[fit] - mean_O) * scale_O, y_B[fit])
        z_BO = (x_BO[left] - mean_O) * scale_O
        error[left] = y_B[left] - ridge.predict(z_BO)
        baseline[left] = y_B[left] - y_B[fit].mean()
        without_BO[left] = error[left][:, None] + z_BO * ridge.coef_
    total = float(np.square(y_B - y_B.mean()).sum())
    squared = float(np.square(error).sum())
    return _HeldOut(
        r2=1.0 - squared / total,
        baseline_r2=1.0 - float(np.square(baseline).sum()) / total,
        without_O=(np.square(without_BO).sum(axis=0) - squared) / total,
    )
