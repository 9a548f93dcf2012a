"""A learned predictor of rewards that decides which proposals are worth a judgement.

Axis letters: N judged candidates, M proposals, G groups.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, cholesky
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from cpruner.spec import check, option

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Assistant:
    """Judges the promising ones of more proposals than are judged: the agent's, and small moves of the best so far.

    In the spirit of the assistant learning of Mu et al. 2021, whose internals are not public. Rewards are predicted by
    a straight line in what a surrogate predicts, if there is one, plus a Gaussian process over keep ratios. Its
    uncertainty is scaled so that the leave-one-out errors have the variance it claims. Moves look where a model of few
    judgements is right, around what was judged, as trust regions do (Eriksson et al. 2019).
    """

    proposals: int = option(4, "Proposals of the agent per judgement; 1, without moves, judges all of them.", low=1)
    moves: int = option(12, "Small moves of the best candidates that are proposed as well, per judgement.", low=0)
    elite: int = option(4, "How many of the best candidates are moved.", low=1)
    components: int = option(4, "Keep ratios that a move changes.", low=1)
    step: float = option(0.1, "Standard deviation of their change.", low=0.0)
    fewest: int = option(10, "Judgements before the first prediction; until then all proposals are judged.", low=3)

    def __post_init__(self) -> None:
        check(self)

    @property
    def chooses(self) -> bool:
        """Whether there is more than what is judged."""
        return self.proposals > 1 or self.moves > 0

    def fit(self, ratio_NG: Array, reward_N: Array, prior: Callable[[Array], Array] | None = None) -> "Forecast":
        """Learn from what was judged.

        Args:
            ratio_NG: Keep ratios.
            reward_N: Rewards.
            prior: From keep ratios (M, G) to predictions (M,) on any scale; None for none.
        """
        line = np.zeros(2)
        if prior is not None:
            told_N = prior(ratio_NG)
            slope = float(np.cov(told_N, reward_N)[0, 1] / max(told_N.var(ddof=1), 1e-12))
            line = np.array([reward_N.mean() - slope * told_N.mean(), slope])
        rest_N = reward_N - (line[0] + line[1] * prior(ratio_NG) if prior is not None else 0.0)
        scale = max(float(rest_N.std()), 1e-9)
        centre = float(rest_N.mean())
        kernel = ConstantKernel(1.0, (1e-2, 1e2)) * Matern(1.0, (0.05, 20.0), nu=2.5) + WhiteKernel(0.1, (1e-4, 2.0))
        process = GaussianProcessRegressor(kernel, alpha=1e-8, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a parameter at its bound is an answer, too
            process.fit(ratio_NG, (rest_N - centre) / scale)
        return Forecast(process, line, centre, scale, _inflation(process), prior)


@final
@dataclass(frozen=True)
class Forecast:
    """A fitted :class:`Assistant`.

    Args:
        process: Gaussian process of what the line leaves, standardised.
        line: Intercept and slope of the prior.
        centre: Mean of what the line leaves.
        scale: Its standard deviation.
        inflation: Factor on standard deviations.
        prior: See ``Assistant.fit``.
    """

    process: GaussianProcessRegressor
    line: Array
    centre: float
    scale: float
    inflation: float
    prior: Callable[[Array], Array] | None

    def predict(self, ratio_MG: Array) -> tuple[Array, Array]:
        """Means and standard deviations of rewards, both (M,)."""
        mean_M, std_M = self.process.predict(ratio_MG, return_std=True)
        return self._rewards(ratio_MG, mean_M), np.asarray(std_M * self.scale * self.inflation)

    def choose(self, ratio_MG: Array, count: int, seed: int, *, apart: bool = False) -> list[int]:
        """Proposals to judge, in their order: the best of ``count`` draws from the posterior (Thompson 1933).

        What was judged before, or is chosen already, comes last.

        Args:
            ratio_MG: Proposals.
            count: How many, at most M.
            seed: Of the draws.
            apart: Choose one of every M / count proposals that follow one another, not from all.
        """
        mean_M, covariance_MM = self.process.predict(ratio_MG, return_cov=True)
        generator = np.random.default_rng(seed)
        root_MM = np.linalg.cholesky(covariance_MM + 1e-6 * np.eye(len(ratio_MG)))
        known = {row.tobytes() for row in self.process.X_train_}
        chosen: list[int] = []
        for number in range(count):
            noise_M = self.inflation * (root_MM @ generator.standard_normal(len(ratio_MG)))
            drawn_M = self._rewards(ratio_MG, mean_M + noise_M)
            open_M = np.arange(len(ratio_MG)) // (len(ratio_MG) // count) == number if apart else True
            open_M = open_M & ~np.isin(np.arange(len(ratio_MG)), chosen)
            fresh_M = open_M & ~np.array([row.tobytes() in known for row in ratio_MG])
            chosen.append(int(np.where(fresh_M if fresh_M.any() else open_M, drawn_M, -np.inf).argmax()))
            known.add(ratio_MG[chosen[-1]].tobytes())
        return sorted(chosen)

    def _rewards(self, ratio_MG: Array, standard_M: Array) -> Array:
        line_M = self.line[0] + self.line[1] * self.prior(ratio_MG) if self.prior is not None else 0.0
        return np.asarray(line_M + self.centre + self.scale * standard_M)


def _inflation(process: GaussianProcessRegressor) -> float:
    """Root mean square of the standardised leave-one-out errors (Rasmussen and Williams 2006, equations 5.10-5.12)."""
    covariance_NN = process.kernel_(process.X_train_) + process.alpha * np.eye(len(process.X_train_))
    inverse_NN = cho_solve((cholesky(covariance_NN, lower=True), True), np.eye(len(covariance_NN)))
    error_N = (inverse_NN @ process.y_train_) / np.sqrt(inverse_NN.diagonal())
    return float(np.sqrt(np.mean(error_N**2)))


@final
@dataclass(frozen=True)
class Assisting:
    """An assistant at work.

    Args:
        spec: Its options.
        prior: See ``Assistant.fit``.
        ratio_NG: Keep ratios judged in earlier searches with the same rewards; None for none.
        reward_N: Their rewards.
        solutions: Sequences of actions (T, A) that are judged before anything else.
    """

    spec: Assistant
    prior: Callable[[Array], Array] | None = None
    ratio_NG: Array | None = None
    reward_N: Array | None = None
    solutions: Sequence[Array] = ()

    def ready(self, judged: int) -> bool:
        """Whether enough is known for a prediction, when so many candidates were judged in this search."""
        earlier = 0 if self.reward_N is None else len(self.reward_N)
        return self.spec.chooses and judged + earlier >= self.spec.fewest

    def choose(
        self, ratio_NG: Array, reward_N: Array, proposed_MG: Array, count: int, *, apart: bool = False
    ) -> list[int]:
        """Proposals to judge, in their order; the same for the same arguments.

        Args:
            ratio_NG: Keep ratios judged in this search.
            reward_N: Their rewards.
            proposed_MG: Keep ratios of the proposals.
            count: How many to choose.
            apart: One of every M / count, where these are proposals for budgets of their own.
        """
        if self.ratio_NG is not None and self.reward_N is not None:
            ratio_NG, reward_N = np.concatenate([self.ratio_NG, ratio_NG]), np.concatenate([self.reward_N, reward_N])
        forecast = self.spec.fit(ratio_NG, reward_N, self.prior)
        return forecast.choose(proposed_MG, count, len(reward_N), apart=apart)
