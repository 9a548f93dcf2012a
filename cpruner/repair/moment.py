"""Least squares from second moments: pure functions.

For rows X (M, D) and Y (M, O): covariances A = cov(X, X), B = cov(X, Y). The refit of a layer that only sees the
inputs S solves min_W ||Y - X_S W - b||^2, so W = (A_SS + damping)^-1 B_S and b = mean(Y) - mean(X_S) W (He, Zhang and
Sun 2017, eq. 2, with an intercept).
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """First and second central moments: ``mean_D``, ``mean_O``, ``A_DD``, ``B_DO``, and the rows they came from."""

    mean_D: Tensor
    mean_O: Tensor
    A_DD: Tensor
    B_DO: Tensor
    rows: int


def moments(x_MD: Tensor, y_MO: Tensor) -> Moments:
    """Central moments of sampled rows, in float64."""
    mean_D, mean_O = x_MD.mean(0), y_MO.mean(0)
    centred = x_MD - mean_D
    return Moments(mean_D, mean_O, centred.T @ centred / len(x_MD), centred.T @ (y_MO - mean_O) / len(x_MD), len(x_MD))


def damped(a_DD: Tensor, damping: float) -> Tensor:
    """Add ``damping`` times the mean diagonal (plus a floor for inputs that never move)."""
    ridge = damping * a_DD.diagonal().mean() + 1e-12
    return a_DD + ridge * torch.eye(len(a_DD), dtype=a_DD.dtype, device=a_DD.device)


def refit(stats: Moments, kept: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """Weights (|S|, O) and intercept (O,) of the least-squares refit on the inputs ``kept``.

    Args:
        stats: Moments of the layer.
        kept: Indices S along D.
        damping: Relative ridge.
    """
    weight = solve(stats.A_DD[kept][:, kept], stats.B_DO[kept], damping)
    return weight, stats.mean_O - stats.mean_D[kept] @ weight


def solve(a_SS: Tensor, b_SO: Tensor, damping: float) -> Tensor:
    """Damped symmetric positive definite solve."""
    factor, _ = torch.linalg.cholesky_ex(damped(a_SS, damping))
    return torch.cholesky_solve(b_SO, factor)


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
