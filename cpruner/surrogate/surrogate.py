"""Predicted loss and exact counts of candidates from their widths alone, thousands at once.

Axis letters: N candidates, G groups, W widths (0 to the largest size).
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from cpruner.ranking import descents
from cpruner.repair import Statistics
from cpruner.space import PruningSpace
from cpruner.surrogate.curvature import curvature, measures
from cpruner.surrogate.spec import Calibration

Array = NDArray[np.float64]
Widths = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Surrogate:
    """log loss = base + gain log(offset + sum over groups of factor e^power), e the error of the group's width in nats.

    Not calibrated: the logarithm of one nat and all errors together.

    Args:
        space: The space, in the order of whose ranking the errors were added up.
        error_GW: Error at every width; a width beyond the size has that of the size, 0.
        factor_G: Factor of every group, never negative.
        base: Added to the logarithm.
        gain: How fast the loss rises with the sum, above 0.
        offset: What the dense network has in place of errors, above 0.
        power: Of the errors, above 0.
    """

    space: PruningSpace
    error_GW: Array
    factor_G: Array
    base: float = 0.0
    gain: float = 1.0
    offset: float = 1.0
    power: float = 1.0

    @property
    def table_GW(self) -> Array:
        """What every width of every group adds to the sum; the least sum has the least predicted loss."""
        return np.asarray(self.factor_G[:, None] * self.error_GW**self.power)

    def errors(self, width_NG: Widths) -> Array:
        """Errors of the groups, (N, G)."""
        return np.asarray(self.error_GW[np.arange(self.error_GW.shape[0]), np.asarray(width_NG)])

    def predict(self, width_NG: Widths) -> Array:
        """Logarithm of the loss, (N,)."""
        term_NG = self.table_GW[np.arange(self.error_GW.shape[0]), np.asarray(width_NG)]
        return np.asarray(self.base + self.gain * np.log(self.offset + term_NG.sum(axis=1)))

    def count(self, width_NG: Widths) -> dict[str, Array]:
        """Exact ``flops``, ``macs`` and ``params``, each (N,)."""
        return self.space.algebra.count(np.asarray(width_NG, dtype=np.int64))


def surrogate(
    model: nn.Module, space: PruningSpace, statistics: Statistics, damping: float, spec: Calibration | None = None
) -> Surrogate:
    """Make the surrogate of a network; it is not calibrated: every nat counts the same.

    The returned surrogate's space is ranked by elimination, since its errors hold along that order only. A group that
    no refittable layer reads has no error: calibration cannot tell its widths apart, and the knapsack would empty it,
    so it gets the average error of the other groups at every keep ratio.

    Args:
        model: The dense network.
        space: Its space.
        statistics: Its activation statistics.
        damping: Relative ridge.
        spec: Options.
    """
    spec = spec or Calibration()
    curvature_of = curvature(
        model, statistics, images=spec.images, batch=spec.batch, seed=spec.seed, temperature=spec.temperature
    )
    found = measures(statistics, curvature_of)
    with torch.no_grad():
        paths = descents(space, statistics, damping, found)
    order = tuple(before if one is None else one.order for before, one in zip(space.ranking, paths, strict=True))
    known = [path.error_W for path in paths if path is not None]
    error_GW = np.zeros((len(space.groups), max(space.sizes) + 1))
    for group, (size, path) in enumerate(zip(space.sizes, paths, strict=True)):
        curve = _average(known, size) if path is None else path.error_W
        # rounding may make a rise a little negative; nothing is worth more without a channel than with it
        error_GW[group, : size + 1] = np.maximum.accumulate(np.maximum(curve, 0.0)[::-1])[::-1]
    return Surrogate(space.ranked(order), error_GW, np.ones(len(space.groups)))


def _average(curves: list[Array], size: int) -> Array:
    """Mean error of other groups at the keep ratios of ``size`` channels."""
    if not curves:
        return np.linspace(1.0, 0.0, size + 1)
    at = np.linspace(0.0, 1.0, size + 1)
    return np.asarray(np.mean([np.interp(at, np.linspace(0.0, 1.0, len(curve)), curve) for curve in curves], axis=0))
