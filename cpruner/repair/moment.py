"""Least squares from second moments: pure functions.

For rows X (M, D) and Y (M, O): covariances A = cov(X, X), B = cov(X, Y). The refit of a layer that only sees the
inputs S solves min_W ||Y - X_S W - b||^2, so W = (A_SS + damping)^-1 B_S and b = mean(Y) - mean(X_S) W (He, Zhang and
Sun 2017, eq. 2, with an intercept). The ridge pulls towards the weights as cut, so what the rows do not determine
stays as it was.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

#: Rows multiplied at once in their own precision; sums over chunks are float64.
_CHUNK = 1024


@dataclass(frozen=True)
class Moments:
    """First and second central moments, float64: ``mean_D``, ``mean_O``, ``A_DD``, ``B_DO``, and the row count."""

    mean_D: Tensor
    mean_O: Tensor
    A_DD: Tensor
    B_DO: Tensor
    rows: int


def moments(x_MD: Tensor, y_MO: Tensor) -> Moments:
    """Central moments of sampled rows; float32 rows are centred and multiplied in float32, which is twice as fast."""
    mean_D, mean_O = x_MD.mean(0, dtype=torch.float64), y_MO.mean(0, dtype=torch.float64)
    a_DD = mean_D.new_zeros(len(mean_D), len(mean_D))
    b_DO = mean_D.new_zeros(len(mean_D), len(mean_O))
    for x, y in zip(x_MD.split(_CHUNK), y_MO.split(_CHUNK), strict=True):
        centred = x - mean_D.to(x.dtype)
        a_DD += centred.T @ centred
        b_DO += centred.T @ (y - mean_O.to(y.dtype))
    return Moments(mean_D, mean_O, a_DD / len(x_MD), b_DO / len(x_MD), len(x_MD))


def refit(
    stats: Moments, kept: Tensor, damping: float, *, prior: Tensor | None = None, intercept: bool = True
) -> tuple[Tensor, Tensor]:
    """Weights (|S|, O) and intercept (O,) of the least-squares refit on the inputs ``kept``.

    Args:
        stats: Moments of the layer.
        kept: Indices S along D.
        damping: Relative ridge.
        prior: Weights the ridge pulls towards, (|S|, O); zero if not given.
        intercept: False if the layer has no place for one: then W is the best without, and the intercept returned is 0.
    """
    a_SS, b_SO, mean_S = stats.A_DD[kept][:, kept], stats.B_DO[kept], stats.mean_D[kept]
    if not intercept:
        a_SS, b_SO = a_SS + torch.outer(mean_S, mean_S), b_SO + torch.outer(mean_S, stats.mean_O)
    weight = solve(a_SS, b_SO, damping) if prior is None else prior + solve(a_SS, b_SO - a_SS @ prior, damping)
    return weight, stats.mean_O - mean_S @ weight if intercept else torch.zeros_like(stats.mean_O)


def solve(a_SS: Tensor, b_SO: Tensor, damping: float) -> Tensor:
    """Damped symmetric positive definite solve."""
    return torch.cholesky_solve(b_SO, _factor(a_SS, damping))


def inverse(a_DD: Tensor, damping: float) -> Tensor:
    """Inverse of the damped second moments."""
    return torch.cholesky_inverse(_factor(a_DD, damping))


def damped(a_DD: Tensor, damping: float) -> Tensor:
    """Add ``damping`` times the mean diagonal (plus a floor for inputs that never move)."""
    ridge = damping * a_DD.diagonal().mean() + 1e-12
    return a_DD + ridge * torch.eye(len(a_DD), dtype=a_DD.dtype, device=a_DD.device)


def _factor(a_DD: Tensor, damping: float) -> Tensor:
    """Cholesky factor; a ridge lost in rounding (inputs that repeat each other) is raised until there is one."""
    factor: Tensor
    factor, info = torch.linalg.cholesky_ex(damped(a_DD, damping))
    while int(info) and damping < 1:
        damping = max(10 * damping, 1e-12)
        factor, info = torch.linalg.cholesky_ex(damped(a_DD, damping))
    return factor


def error(stats: Moments, kept: Tensor, total_variance: Tensor, damping: float) -> float:
    """Share of the output variance the refit on ``kept`` cannot explain, in [0, 1] up to damping.

    Args:
        stats: Moments of the layer.
        kept: Indices S along D.
        total_variance: Sum over outputs of var(Y).
        damping: Relative ridge.
    """
    explained = (solve(stats.A_DD[kept][:, kept], stats.B_DO[kept], damping) * stats.B_DO[kept]).sum()
    return float(1 - explained / total_variance)
