"""How strongly a refit is pulled back to the weights as cut, where few rows determine many weights.

The changes D of the weights are taken as drawn with variance t, the rest of the outputs as noise of variance s. The
ridge s / (M t) that makes the rows most likely is found by the updates of MacKay 1992 (Bayesian interpolation, eq.
3.15): t = |D|^2 / g, s = RSS / (M - g), with g = sum of l / (l + ridge) over the eigenvalues l, the number of weights
that the rows determine. Where a layer's target follows from its inputs the ridge vanishes; where it is noise nothing
changes, so that a long chain of refits does not learn its images by heart.
"""

import torch
from torch import Tensor

from cpruner.repair.statistics import Moments, factor, ridge

#: Columns that stand for all outputs, and probes that stand for the trace: random signs, as in Hutchinson 1990.
_OUTPUTS, _PROBES = 32, 8
#: Inputs up to which the trace is exact, and the largest ridge relative to the mean diagonal.
_EXACT, _LARGEST = 64, 1e3


def relative_ridge(stats: Moments, damping: float, shrinkage: float) -> float:
    """A ridge that grows with inputs per row, relative to the mean diagonal.

    So does the error that noise leaves in fitted weights (Hoerl, Kennard and Baldwin 1975).
    """
    return damping + shrinkage * stats.mean_GD.shape[1] / stats.rows


def likeliest_ridge(stats: Moments, damping: float, prior_GDO: Tensor, *, intercept: bool, updates: int) -> Tensor:
    """The ridge per group (G,) that makes the rows most likely, at least ``damping`` of the mean diagonal.

    Args:
        stats: Moments of the layer.
        damping: The smallest relative ridge.
        prior_GDO: The weights as cut.
        intercept: Whether the regression has one.
        updates: How often the ridge is updated, beginning with one that is inputs per row; 0 gives ``damping``.
    """
    used = stats if intercept else stats.uncentred()
    low_G = ridge(used.A_GDD, damping)
    if not updates:
        return low_G
    high_G = ridge(used.A_GDD, _LARGEST)
    ridge_G = ridge(used.A_GDD, relative_ridge(stats, damping, 1.0))
    a_GDD, inputs = used.A_GDD, used.A_GDD.shape[-1]
    rest_GDO = used.B_GDO - a_GDD @ prior_GDO
    spread_G = used.variance_GO.sum(1) - (prior_GDO * (used.B_GDO + rest_GDO)).sum((1, 2))
    columns_GDK, probes_DP = _sketch(rest_GDO), _probes(inputs, a_GDD)
    for _ in range(updates):
        lower, ridge_G = factor(a_GDD, ridge_G)
        change_GDK = torch.cholesky_solve(columns_GDK, lower)
        inverse_GDP = torch.cholesky_solve(probes_DP.expand(len(a_GDD), -1, -1), lower)
        trace_G = (inverse_GDP * probes_DP).sum((1, 2)) * inputs / probes_DP.square().sum()
        determined_G = (inputs - ridge_G * trace_G).clamp(1e-6, min(inputs, stats.rows) - 1e-6)
        size_G = change_GDK.square().sum((1, 2))
        left_G = spread_G - (columns_GDK * change_GDK).sum((1, 2)) - ridge_G * size_G
        found_G = left_G.clamp_min(0) * determined_G / ((stats.rows - determined_G) * size_G).clamp_min(1e-300)
        ridge_G = found_G.maximum(low_G).minimum(high_G)
    return ridge_G


def _sketch(rest_GDO: Tensor) -> Tensor:
    """Few columns of the same expected inner products: sums of the outputs with random signs."""
    outputs = rest_GDO.shape[-1]
    if outputs <= _OUTPUTS:
        return rest_GDO
    mixed: Tensor = rest_GDO @ _signs(outputs, _OUTPUTS, rest_GDO) / _OUTPUTS**0.5
    return mixed


def _probes(inputs: int, like: Tensor) -> Tensor:
    if inputs <= _EXACT:
        return torch.eye(inputs, dtype=like.dtype, device=like.device)
    return _signs(inputs, _PROBES, like)


def _signs(rows: int, columns: int, like: Tensor) -> Tensor:
    drawn: Tensor = torch.randint(2, (rows, columns), generator=torch.Generator().manual_seed(0))
    return drawn.mul(2).sub(1).to(like.device, like.dtype)
