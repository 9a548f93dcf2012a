"""A stand-in for a pruning search: share a budget of FLOPs among groups with diminishing returns.

It is as hard to explore as the real thing (many steps, one noisy terminal reward, few episodes), answers in
microseconds, and its optimum is found numerically. Axis letters: T groups (= steps), O observation, K = 1 constraint.
"""

from typing import Any, final

import gymnasium
import numpy as np
from scipy.optimize import Bounds, NonlinearConstraint, minimize

from cpruner.cmdp import Array, Problem


@final
class Allocation(gymnasium.Env[Array, Array]):
    """Choose the keep ratio r_t of T groups in turn; reward and cost come with the last step.

    With r_{-1} = 1::

        reward = 1 - sum_t s_t exp(-k_t r_t) - sum_t p_t (1 - r_t) (1 - r_{t-1}) + noise
        cost   = sum_t w_t r_t r_{t-1} / limit,   sum_t w_t = 1

    Args:
        groups: T.
        limit: Allowed fraction of the dense cost; the cost is in units of it, so the limit of the problem is 1.
        noise: Standard deviation of the Gaussian noise on the reward.
        seed: Draws s, k, p and w.
        coupled: Whether the cost couples neighbours as above; if not, it is sum_t w_t r_t / limit.
    """

    def __init__(
        self, groups: int = 12, *, limit: float = 0.5, noise: float = 0.003, seed: int = 0, coupled: bool = True
    ) -> None:
        generator = np.random.default_rng(seed)
        self.groups, self.limit, self.noise, self.coupled = groups, limit, noise, coupled
        self.rate_T = generator.uniform(2.0, 7.0, groups)
        self.sensitivity_T = _shares(generator, groups, 0.8)
        self.interaction_T = 0.3 * _shares(generator, groups, 0.8)
        self.weight_T = _shares(generator, groups, 0.6)
        self.problem = Problem(5, 1, groups, ("flops",), (1.0,))
        self.observation_space = gymnasium.spaces.Box(0.0, max(1.0 / limit, float(groups)), (5,), np.float64)
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float64)
        self._ratio_T: list[float] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin with an empty list of ratios."""
        super().reset(seed=seed, options=options)
        self._ratio_T = []
        return self._observe(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Fix the ratio of the next group."""
        self._ratio_T.append(float(np.clip(action[0], 0.0, 1.0)))
        done = len(self._ratio_T) == self.groups
        reward, cost = 0.0, 0.0
        if done:
            ratio_T = np.array(self._ratio_T)
            reward = self.reward(ratio_T) + self.noise * float(self.np_random.standard_normal())
            cost = self.cost(ratio_T)
        return self._observe(), reward, done, False, {"cost": np.array([cost])}

    def reward(self, ratio_T: Array) -> float:
        """Reward of a whole choice, without noise."""
        before_T = np.concatenate([[1.0], ratio_T[:-1]])
        lost_T = self.sensitivity_T * np.exp(-self.rate_T * ratio_T)
        return float(1.0 - (lost_T + self.interaction_T * (1.0 - ratio_T) * (1.0 - before_T)).sum())

    def cost(self, ratio_T: Array) -> float:
        """Cost of a whole choice in units of its limit."""
        before_T = np.concatenate([[1.0], ratio_T[:-1]]) if self.coupled else 1.0
        return float((self.weight_T * ratio_T * before_T).sum() / self.limit)

    def solve(self, starts: int = 8) -> tuple[Array, float]:
        """Best feasible choice by sequential quadratic programming from several starts, and its reward."""

        def loss(ratio_T: Array, *_: Any, **__: Any) -> float:
            return -self.reward(ratio_T)

        generator = np.random.default_rng(0)
        feasible = NonlinearConstraint(lambda ratio_T: np.array([self.cost(ratio_T)]), -np.inf, 1.0)
        best, best_T = -np.inf, np.zeros(self.groups)
        for _ in range(starts):
            start_T = generator.uniform(0.2, 0.8, self.groups)
            answer = minimize(
                loss, start_T, method="SLSQP", bounds=Bounds(0.0, 1.0), constraints=feasible, options={"maxiter": 500}
            )
            if self.cost(answer.x) <= 1.0 + 1e-6 and self.reward(answer.x) > best:
                best, best_T = self.reward(answer.x), np.asarray(answer.x)
        return best_T, best

    def _observe(self) -> Array:
        """(t / T, weight of the group, weight still to come, cost so far, previous ratio)."""
        t = min(len(self._ratio_T), self.groups - 1)
        before = self._ratio_T[-1] if self._ratio_T else 1.0
        ratio_T = np.array(self._ratio_T + [0.0] * (self.groups - len(self._ratio_T)))
        weight = self.weight_T[t] * self.groups
        return np.array([t / self.groups, weight, self.weight_T[t:].sum(), self.cost(ratio_T), before])


def _shares(generator: np.random.Generator, count: int, spread: float) -> Array:
    """Log-normal shares that sum to 1."""
    share = np.exp(spread * generator.standard_normal(count))
    return np.asarray(share / share.sum())
