"""Least squares from second moments: pure functions.

For rows X (M, D) and Y (M, O): covariances A = cov(X, X), B = cov(X, Y). The refit of a layer that only sees the
inputs S solves min_W ||Y - X_S W - b||^2, so W = (A_SS + damping)^-1 B_S and b = mean(Y) - mean(X_S) W (He, Zhang and
Sun 2017, eq. 2, with an intercept). The ridge pulls towards the weights as cut, so what the rows do not determine
stays as it was. A leading axis G holds the groups of a grouped convolution, one regression each.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

#: Rows multiplied at once in their own precision; sums over chunks are float64.
_CHUNK = 1024
#: Numbers of inputs taken out of the activations at once.
_NUMBERS = 2**22


@dataclass(frozen=True)
class Moments:
    """First and second central moments, float64.

    Args:
        mean_GD: Mean of the inputs.
        mean_GO: Mean of the outputs.
        A_GDD: Covariance of the inputs.
        B_GDO: Covariance of inputs and outputs.
        variance_GO: Variance of the outputs.
        rows: How many rows they are made of.
    """

    mean_GD: Tensor
    mean_GO: Tensor
    A_GDD: Tensor
    B_GDO: Tensor
    variance_GO: Tensor
    rows: int

    def at(self, groups: Tensor, outputs_GO: Tensor) -> "Moments":
        """The moments of some groups and of some outputs of each."""
        return replace(
            self,
            mean_GD=self.mean_GD[groups],
            mean_GO=self.mean_GO[groups].take_along_dim(outputs_GO, 1),
            A_GDD=self.A_GDD[groups],
            B_GDO=self.B_GDO[groups].take_along_dim(outputs_GO[:, None], 2),
            variance_GO=self.variance_GO[groups].take_along_dim(outputs_GO, 1),
        )

    def uncentred(self) -> "Moments":
        """Second moments about zero, in the place of those about the mean: the regression without an intercept."""
        return replace(
            self,
            A_GDD=self.A_GDD + self.mean_GD[:, :, None] * self.mean_GD[:, None],
            B_GDO=self.B_GDO + self.mean_GD[:, :, None] * self.mean_GO[:, None],
            variance_GO=self.variance_GO + self.mean_GO.square(),
        )


def moments(x_GMD: Tensor, y_GMO: Tensor) -> Moments:
    """Central moments of sampled rows; float32 rows are centred and multiplied in float32, which is twice as fast."""
    mean_GD, mean_GO = x_GMD.mean(1, dtype=torch.float64), y_GMO.mean(1, dtype=torch.float64)
    a_GDD = mean_GD.new_zeros(*mean_GD.shape, mean_GD.shape[1])
    b_GDO = mean_GD.new_zeros(*mean_GD.shape, mean_GO.shape[1])
    variance_GO = torch.zeros_like(mean_GO)
    for x, y in zip(x_GMD.split(_CHUNK, 1), y_GMO.split(_CHUNK, 1), strict=True):
        centred = (x - mean_GD.to(x.dtype)[:, None]).transpose(1, 2)
        aim = y - mean_GO.to(y.dtype)[:, None]
        a_GDD += centred @ centred.transpose(1, 2)
        b_GDO += centred @ aim
        variance_GO += aim.square().sum(1)
    count = x_GMD.shape[1]
    return Moments(mean_GD, mean_GO, a_GDD / count, b_GDO / count, variance_GO / count, count)


def portions(inputs: int) -> int:
    """How many rows of so many inputs, over all groups, are taken out of the activations at once."""
    return max(1, min(8 * _CHUNK, _NUMBERS // inputs))


def merged(one: Moments | None, other: Moments) -> Moments:
    """Moments of both sets of rows together (Chan, Golub and LeVeque 1983, eq. 2.1); ``one`` is used up."""
    if one is None:
        return other
    rows = one.rows + other.rows
    left, right = one.rows / rows, other.rows / rows
    shift_GD, shift_GO = other.mean_GD - one.mean_GD, other.mean_GO - one.mean_GO
    cross = left * right
    one.A_GDD.mul_(left).add_(other.A_GDD, alpha=right)
    one.A_GDD.baddbmm_(shift_GD[:, :, None], shift_GD[:, None], alpha=cross)
    one.B_GDO.mul_(left).add_(other.B_GDO, alpha=right)
    one.B_GDO.baddbmm_(shift_GD[:, :, None], shift_GO[:, None], alpha=cross)
    return Moments(
        mean_GD=one.mean_GD + right * shift_GD,
        mean_GO=one.mean_GO + right * shift_GO,
        A_GDD=one.A_GDD,
        B_GDO=one.B_GDO,
        variance_GO=left * one.variance_GO + right * other.variance_GO + cross * shift_GO.square(),
        rows=rows,
    )


def refit(
    stats: Moments,
    kept: Tensor | None = None,
    damping: float | Tensor = 0.0,
    *,
    prior: Tensor | None = None,
    intercept: bool = True,
) -> tuple[Tensor, Tensor]:
    """Weights (G, |S|, O) and intercept (G, O) of the least-squares refit on the inputs ``kept``.

    Args:
        stats: Moments of the layer.
        kept: Indices S along D; all inputs if not given.
        damping: Ridge, relative to the mean diagonal; a tensor (G,) is the ridge itself.
        prior: Weights the ridge pulls towards, (G, |S|, O); zero if not given.
        intercept: False if the layer has no place for one: then W is the best without, and the intercept returned is 0.
    """
    used = stats if intercept else stats.uncentred()
    mean_GS, a_GSS, b_GSO = stats.mean_GD, used.A_GDD, used.B_GDO
    if kept is not None:
        mean_GS, a_GSS, b_GSO = mean_GS[:, kept], a_GSS[:, kept][:, :, kept], b_GSO[:, kept]
    lower, ridge_G = factor(a_GSS, damping if isinstance(damping, Tensor) else ridge(used.A_GDD, damping))
    if prior is not None:
        b_GSO = b_GSO + ridge_G[:, None, None] * prior
    weight = torch.cholesky_solve(b_GSO, lower)
    mean = stats.mean_GO - (mean_GS[:, None] @ weight)[:, 0]
    return weight, mean if intercept else torch.zeros_like(mean)


def ridge(a_GDD: Tensor, damping: float) -> Tensor:
    """What is added to the diagonal, (G,): ``damping`` times its mean, plus a floor for inputs that never move."""
    return damping * a_GDD.diagonal(dim1=1, dim2=2).mean(1) + 1e-12


def factor(a_GDD: Tensor, ridge_G: Tensor) -> tuple[Tensor, Tensor]:
    """Lower Cholesky factor, and the ridge: where inputs repeat each other and it is lost in rounding, it is raised."""
    eye = torch.eye(a_GDD.shape[-1], dtype=a_GDD.dtype, device=a_GDD.device)
    scale_G = a_GDD.diagonal(dim1=1, dim2=2).mean(1).clamp_min(1e-12)
    while True:
        lower, info_G = torch.linalg.cholesky_ex(a_GDD + ridge_G[:, None, None] * eye)
        lost_G = (info_G > 0) & (ridge_G < scale_G)
        if not bool(lost_G.any()):
            return lower, ridge_G
        ridge_G = torch.where(lost_G, torch.maximum(10 * ridge_G, 1e-12 * scale_G).minimum(scale_G), ridge_G)


def inverse(a_DD: Tensor, damping: float) -> Tensor:
    """Inverse of the damped second moments of one group."""
    return torch.cholesky_inverse(factor(a_DD[None], ridge(a_DD[None], damping))[0][0])


def error(stats: Moments, kept: Tensor, damping: float) -> float:
    """Share of the output variance the refit on ``kept`` cannot explain, in [0, 1] up to damping.

    Args:
        stats: Moments of the layer.
        kept: Indices S along D.
        damping: Relative ridge.
    """
    weight, _ = refit(stats, kept, damping)
    return float(1 - (weight * stats.B_GDO[:, kept]).sum() / stats.variance_GO.sum())
