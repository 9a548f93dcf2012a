"""Fits a surrogate to judgements: a factor per group, never negative, drawn towards one for all.

Minimises sum_n w_n (base + X c - log loss_n)^2 + ridge sum_i s_i^2 (c_i - prior_i)^2 over c >= 0, s the spread of a
column: a non-negative least-squares problem. The prior is the common factor that fits best; the ridge is chosen by
cross-validation.
"""

from dataclasses import replace

import numpy as np
from scipy.optimize import nnls

from cpruner.errors import InputError
from cpruner.surrogate.surrogate import Array, Surrogate, Widths

RIDGES = (1e-4, 1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)
#: Fewer judgements say nothing.
LEAST = 4


def calibrated(
    made: Surrogate, width_NG: Widths, loss_N: Array, *, folds: int = 5, weight_N: Array | None = None
) -> Surrogate:
    """Fit base, linear and square factors.

    Args:
        made: A surrogate; its factors so far do not matter.
        width_NG: Widths of judged candidates.
        loss_N: Their loss, above 0.
        folds: Parts for the cross-validation of the ridge.
        weight_N: How much each judgement counts; equally when None.

    Raises:
        InputError: Fewer than 4 judgements, or a loss that is not positive and finite.
    """
    loss_N = np.asarray(loss_N, dtype=np.float64)
    if len(loss_N) < LEAST or not (np.isfinite(loss_N) & (loss_N > 0)).all():
        got = f"{len(loss_N)} judgements, losses from {loss_N.min(initial=np.inf):g} to {loss_N.max(initial=0):g}"
        remedy = "Judge more candidates, and leave out those that diverged."
        raise InputError("judgements", expected=f"at least {LEAST}, with losses above 0", got=got, remedy=remedy)
    weight_N = np.ones(len(loss_N)) if weight_N is None else np.asarray(weight_N, dtype=np.float64)
    error_NG = made.errors(width_NG)
    x_NC, y_N = np.concatenate([error_NG, error_NG**2], axis=1), np.log(loss_N)
    errors = [_cross_validated(x_NC, y_N, weight_N, ridge, min(folds, len(y_N))) for ridge in RIDGES]
    factor_C, base = _fit(x_NC, y_N, weight_N, RIDGES[int(np.argmin(errors))])
    groups = error_NG.shape[1]
    return replace(made, linear_G=factor_C[:groups], square_G=factor_C[groups:], base=base)


def _fit(x_NC: Array, y_N: Array, weight_N: Array, ridge: float) -> tuple[Array, float]:
    share_N = weight_N / weight_N.sum()
    mean_C, mean = share_N @ x_NC, float(share_N @ y_N)
    scale_N = np.sqrt(share_N * len(y_N))
    centred, aim_N = (x_NC - mean_C) * scale_N[:, None], (y_N - mean) * scale_N
    groups = x_NC.shape[1] // 2
    total_N = centred[:, :groups].sum(axis=1)
    common = max(float(total_N @ aim_N) / max(float(total_N @ total_N), 1e-30), 0.0)
    prior_C = np.concatenate([np.full(groups, common), np.zeros(groups)])
    spread_C = np.sqrt((centred**2).mean(axis=0)) + 1e-12
    # in units of the spread, so that one ridge suits all columns
    pull_C = np.sqrt(ridge * len(y_N)) * np.ones_like(spread_C)
    rows = np.concatenate([centred / spread_C, np.diag(pull_C)])
    found_C, _ = nnls(rows, np.concatenate([aim_N, pull_C * prior_C * spread_C]))
    factor_C = found_C / spread_C
    return factor_C, mean - float(mean_C @ factor_C)


def _cross_validated(x_NC: Array, y_N: Array, weight_N: Array, ridge: float, folds: int) -> float:
    """Weighted mean squared error on left-out judgements; parts are interleaved, judgements come in no order."""
    total = 0.0
    part_N = np.arange(len(y_N)) % folds
    for part in range(folds):
        out_N = part_N == part
        factor_C, base = _fit(x_NC[~out_N], y_N[~out_N], weight_N[~out_N], ridge)
        total += float(weight_N[out_N] @ (base + x_NC[out_N] @ factor_C - y_N[out_N]) ** 2)
    return total
