"""A learned predictor of what judgements will say, with an uncertainty that is calibrated.

Axis letters: N judged candidates, M proposals, G groups, C draws.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Forecast:
    """A straight line in what is predicted without judging, plus a Gaussian process over keep ratios.

    Args:
        process: Gaussian process of what the line leaves, standardised.
        line: Intercept and slope of the prior.
        centre: Mean of what the line leaves.
        scale: Its standard deviation.
        inflation: Factor on standard deviations, with which the leave-one-out errors have the variance they claim.
        prior: From keep ratios (M, G) to predictions (M,) on any scale; None for none.
    """

    process: GaussianProcessRegressor
    line: Array
    centre: float
    scale: float
    inflation: float
    prior: Callable[[Array], Array] | None

    @classmethod
    def of(cls, ratio_NG: Array, target_N: Array, prior: Callable[[Array], Array] | None = None) -> "Forecast":
        """Learn from what was judged.

        Args:
            ratio_NG: Keep ratios.
            target_N: What is to be foreseen: rewards, or a cost.
            prior: See the class.
        """
        line = np.zeros(2)
        if prior is not None:
            told_N = prior(ratio_NG)
            slope = float(np.cov(told_N, target_N)[0, 1] / max(told_N.var(ddof=1), 1e-12))
            line = np.array([target_N.mean() - slope * told_N.mean(), slope])
        rest_N = target_N - (line[0] + line[1] * prior(ratio_NG) if prior is not None else 0.0)
        scale = max(float(rest_N.std()), 1e-9)
        centre = float(rest_N.mean())
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(1.0, (0.05, 20.0), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
        process = GaussianProcessRegressor(kernel, alpha=1e-8, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound is an answer, too
            process.fit(ratio_NG, (rest_N - centre) / scale)
        return cls(process, line, centre, scale, _inflation(process), prior)

    def predict(self, ratio_MG: Array) -> tuple[Array, Array]:
        """Means and standard deviations, both (M,)."""
        mean_M, std_M = self.process.predict(ratio_MG, return_std=True)
        return self._targets(ratio_MG, mean_M), np.asarray(std_M * self.scale * self.inflation)

    def draw(self, ratio_MG: Array, count: int, seed: int) -> Array:
        """Draws from the posterior, (C, M): what all proposals might turn out to be, together.

        Args:
            ratio_MG: Keep ratios of the proposals.
            count: How many draws.
            seed: Of the draws.
        """
        mean_M, covariance_MM = self.process.predict(ratio_MG, return_cov=True)
        root_MM = np.linalg.cholesky(covariance_MM + 1e-6 * np.eye(len(ratio_MG)))
        noise_CM = np.random.default_rng(seed).standard_normal((count, len(ratio_MG)))
        drawn = [self._targets(ratio_MG, mean_M + self.inflation * (root_MM @ noise_M)) for noise_M in noise_CM]
        return np.stack(drawn)

    def _targets(self, ratio_MG: Array, standard_M: Array) -> Array:
        line_M = self.line[0] + self.line[1] * self.prior(ratio_MG) if self.prior is not None else 0.0
        return np.asarray(line_M + self.centre + self.scale * standard_M)


def _inflation(process: GaussianProcessRegressor) -> float:
    """Root mean square of the standardised leave-one-out errors (Rasmussen and Williams 2006, equations 5.10-5.12)."""
    covariance_NN = process.kernel_(process.X_train_) + process.alpha * np.eye(len(process.X_train_))
    inverse_NN = cho_solve((cholesky(covariance_NN, lower=True), True), np.eye(len(covariance_NN)))
    error_N = (inverse_NN @ process.y_train_) / np.sqrt(inverse_NN.diagonal())
    return float(np.sqrt(np.mean(error_N**2)))
