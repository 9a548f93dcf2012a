"""Fits a surrogate to judgements: a factor per group, never negative, and the shape all groups share.

Minimises sum_n w_n (predicted log loss - log loss_n)^2 + ridge sum_g (d_g - mean d)^2, d_g the logarithm of a group's
factor; gain and power are held near 1 as weakly as a few judgements would. A nonlinear least-squares problem; the ridge
is chosen by cross-validation. Axis letters: P parameters (base; logarithms of gain and power; d_G), R residuals.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import least_squares

from cpruner.errors import InputError
from cpruner.surrogate.surrogate import Array, Surrogate, Widths

RIDGES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0, 10.0)
#: Fewer judgements say nothing.
LEAST = 4
#: What pulls the logarithms of gain and power towards 0, where a fit starts.
_SHAPE = 0.05
#: The same for the common factor: only enough to keep it from drifting where nothing depends on it.
_COMMON = 1e-6
#: The offset, as a share of the mean sum of errors; the common factor is relative to it.
_OFFSET = 0.3
_SHARED = 3  # parameters before d_G
#: Further digits of the fit say nothing about a loss.
_ENOUGH = 1e-6
_STEPS = 100
#: Beyond these no logarithm says anything more.
_FARTHEST = 6.0


def calibrated(
    made: Surrogate, width_NG: Widths, loss_N: Array, *, folds: int = 5, weight_N: Array | None = None
) -> Surrogate:
    """Fit base, gain, offset, power and factors.

    Args:
        made: A surrogate; its factors and shape so far do not matter.
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
    scale = max(float(error_NG.sum(axis=1).mean()), 1e-300)
    known = _Judged(error_NG / scale, np.log(loss_N), weight_N * len(loss_N) / weight_N.sum())
    found = [known.fitted(ridge) for ridge in RIDGES]
    errors = [known.left_out(ridge, one, min(folds, len(loss_N))) for ridge, one in zip(RIDGES, found, strict=True)]
    best_P = found[int(np.argmin(errors))]
    base, (gain, power) = float(best_P[0]), np.exp(best_P[1:_SHARED])
    factor_G = np.exp(best_P[_SHARED:]) / scale**power
    return replace(made, factor_G=factor_G, base=base, gain=float(gain), offset=_OFFSET, power=float(power))


@dataclass(frozen=True, eq=False)
class _Judged:
    """Errors, about 1 in sum, logarithms of losses, and weights, 1 on average."""

    error_NG: Array
    y_N: Array
    weight_N: Array

    def part(self, chosen_N: Array) -> "_Judged":
        return _Judged(self.error_NG[chosen_N], self.y_N[chosen_N], self.weight_N[chosen_N])

    def start(self) -> Array:
        """Every factor and the shape even, the base in the middle."""
        even_P = np.zeros(_SHARED + self.error_NG.shape[1])
        even_P[0] = np.average(self.y_N - self.predict(even_P), weights=self.weight_N)
        return even_P

    def terms(self, parameter_P: Array) -> tuple[Array, Array]:
        """What the groups add, (N, G), and the sum with the offset, (N,)."""
        term_NG = np.exp(parameter_P[_SHARED:]) * self.error_NG ** np.exp(parameter_P[2])
        return term_NG, _OFFSET + term_NG.sum(axis=1)

    def predict(self, parameter_P: Array) -> Array:
        return np.asarray(parameter_P[0] + np.exp(parameter_P[1]) * np.log(self.terms(parameter_P)[1]))

    def fitted(self, ridge: float, start_P: Array | None = None) -> Array:
        """The parameters with the least penalised error."""
        root_N, groups = np.sqrt(self.weight_N), self.error_NG.shape[1]
        pull_RP = np.zeros((_SHARED + groups, _SHARED + groups))
        pull_RP[0, _SHARED:] = np.sqrt(_COMMON) / groups
        pull_RP[1:_SHARED, 1:_SHARED] = np.sqrt(_SHAPE) * np.eye(_SHARED - 1)
        pull_RP[_SHARED:, _SHARED:] = np.sqrt(ridge) * (np.eye(groups) - 1 / groups)
        high_P = np.array([np.inf] + [_FARTHEST] * (_SHARED - 1 + groups))

        def residual_R(parameter_P: Array) -> Array:
            return np.concatenate([root_N * (self.predict(parameter_P) - self.y_N), pull_RP @ parameter_P])

        def slope_RP(parameter_P: Array) -> Array:
            return np.concatenate([root_N[:, None] * self.slopes(parameter_P), pull_RP])

        start_P = np.clip(self.start() if start_P is None else start_P, -0.99 * high_P, 0.99 * high_P)
        found = least_squares(
            residual_R,
            start_P,
            slope_RP,
            bounds=(-high_P, high_P),
            ftol=_ENOUGH,
            xtol=_ENOUGH,
            gtol=_ENOUGH,
            max_nfev=_STEPS,
        )
        return np.asarray(found.x)

    def slopes(self, parameter_P: Array) -> Array:
        """Derivatives of the prediction, (N, P)."""
        gain, power = np.exp(parameter_P[1:_SHARED])
        term_NG, sum_N = self.terms(parameter_P)
        log_NG = np.log(np.where(self.error_NG > 0, self.error_NG, 1.0))
        share_NG = gain * term_NG / sum_N[:, None]
        shared = [
            np.ones_like(sum_N),
            gain * np.log(sum_N),
            power * (share_NG * log_NG).sum(axis=1),
        ]
        return np.concatenate([np.stack(shared, axis=1), share_NG], axis=1)

    def left_out(self, ridge: float, start_P: Array, folds: int) -> float:
        """Weighted squared error on left-out judgements; parts are interleaved, judgements come in no order."""
        total, part_N = 0.0, np.arange(len(self.y_N)) % folds
        for number in range(folds):
            out = self.part(part_N == number)
            found_P = self.part(part_N != number).fitted(ridge, start_P)
            total += float(out.weight_N @ (out.predict(found_P) - out.y_N) ** 2)
        return total
