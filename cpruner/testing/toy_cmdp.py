"""Small constrained problems whose optimum and multipliers are known exactly.

Axis letters: T steps, K constraints.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import cvxpy
import gymnasium
import numpy as np

from cpruner.cmdp import Array, Problem
from cpruner.errors import InputError


@dataclass(frozen=True)
class Solution:
    """Optimum of a toy problem.

    Args:
        action_T: Optimal action of every step.
        multiplier_K: Optimal Lagrange multipliers, reward per unit of cost; 0 where the constraint is not active.
        reward: Total reward of ``action_T``.
    """

    action_T: Array
    multiplier_K: Array
    reward: float


@final
class ToyCMDP(gymnasium.Env[Array, Array]):
    """A concave allocation over T steps with K linear constraints.

    In step t the action a_t in [0, 1] earns b_t a_t - a_t^2 / 2 and costs w_tk a_t + f_k. The observation is the step,
    one-hot. As the reward is quadratic and the costs linear, the noise of a Gaussian policy lowers the expected reward
    by a constant and leaves the costs alone, so the best stochastic policy has the best deterministic actions as its
    mean.

    Args:
        gain_T: b_t.
        weight_TK: w_tk, T rows of K numbers.
        limit_K: d_k.
        fixed_K: f_k, what every step costs whatever the action; nothing if not given.
    """

    def __init__(
        self,
        gain_T: Sequence[float],
        weight_TK: Sequence[Sequence[float]],
        limit_K: Sequence[float],
        fixed_K: Sequence[float] | None = None,
    ) -> None:
        self.gain_T = np.array(gain_T, dtype=np.float64)
        self.weight_TK = np.array(weight_TK, dtype=np.float64).reshape(len(self.gain_T), -1)
        self.limit_K = np.array(limit_K, dtype=np.float64)
        T, K = self.weight_TK.shape
        self.fixed_K = np.zeros(K) if fixed_K is None else np.array(fixed_K, dtype=np.float64)
        if len(self.limit_K) != K:
            raise InputError(
                "ToyCMDP.limit_K", expected=f"{K} limits", got=len(self.limit_K), remedy="Give one per weight column."
            )
        names = tuple(f"cost{k}" for k in range(K))
        self.problem = Problem(T, 1, T, names, tuple(float(limit) for limit in limit_K))
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (T,), np.float64)
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float64)
        self._t = 0

    @classmethod
    def unconstrained(cls) -> "ToyCMDP":
        """K = 0; the optimum is a = b."""
        return cls([0.8, 0.6, 0.4], [[], [], []], [])

    @classmethod
    def one(cls) -> "ToyCMDP":
        """K = 1, active: a = (0.7, 0.5, 0.3, 0.5), lambda = 0.2."""
        return cls([0.9, 0.7, 0.5, 0.7], [[1.0]] * 4, [2.0])

    @classmethod
    def two(cls) -> "ToyCMDP":
        """K = 2, the first active, the second slack."""
        return cls([0.8, 0.9, 0.6], [[1.0, 0.5], [2.0, 0.2], [1.0, 0.8]], [1.5, 2.0])

    @classmethod
    def infeasible(cls) -> "ToyCMDP":
        """K = 1, and no action meets it: a = 0 costs 1.5 where 1 is allowed, 0.5 limits too much."""
        return cls([0.8, 0.6, 0.4], [[1.0]] * 3, [1.0], [0.5])

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Go back to step 0."""
        super().reset(seed=seed, options=options)
        self._t = 0
        return self._observe(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Earn and pay for one step."""
        a, t = float(np.clip(action[0], 0.0, 1.0)), self._t
        self._t += 1
        done = self._t == len(self.gain_T)
        return (
            self._observe(),
            self.gain_T[t] * a - 0.5 * a**2,
            done,
            False,
            {"cost": self.weight_TK[t] * a + self.fixed_K},
        )

    def solve(self) -> Solution:
        """Optimal actions and multipliers by convex optimisation.

        Raises:
            InputError: If no action meets all constraints.
        """
        cp: Any = cvxpy  # it re-exports its names implicitly, which strict typing refuses
        action_T = cp.Variable(len(self.gain_T), bounds=[0.0, 1.0])
        reward = self.gain_T @ action_T - 0.5 * cp.sum_squares(action_T)
        room_K = self.limit_K - len(self.gain_T) * self.fixed_K
        limits = [self.weight_TK[:, k] @ action_T <= room for k, room in enumerate(room_K)]
        problem = cp.Problem(cp.Maximize(reward), limits)
        problem.solve(solver=cp.CLARABEL)
        if action_T.value is None:
            raise InputError(
                "ToyCMDP.limit_K",
                expected="limits that some action meets",
                got=f"a problem that is {problem.status}",
                remedy="It has no optimum to compare with; look at its smallest violation instead.",
            )
        multiplier_K = np.array([float(limit.dual_value) for limit in limits])
        return Solution(np.asarray(action_T.value), multiplier_K, float(reward.value))

    def _observe(self) -> Array:
        """One-hot step; all zeros after the last."""
        return np.eye(len(self.gain_T))[self._t] if self._t < len(self.gain_T) else np.zeros(len(self.gain_T))
