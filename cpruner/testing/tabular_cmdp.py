"""Random finite constrained problems, solved exactly as linear programs over occupancy measures.

Axis letters: T steps, S states, A actions, K constraints.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import cvxpy
import gymnasium
import numpy as np
from numpy.typing import NDArray

from cpruner.cmdp import Array, Problem
from cpruner.errors import InputError


@dataclass(frozen=True)
class Occupancy:
    """An optimal policy of a finite problem.

    Args:
        visit_TSA: Probability of being in a state and doing an action, at every step.
        multiplier_K: Optimal multipliers, reward per unit of cost.
        reward: Expected total reward.
        cost_K: Expected total costs.
    """

    visit_TSA: Array
    multiplier_K: Array
    reward: float
    cost_K: Array


@final
class TabularCMDP(gymnasium.Env[Array, Array]):
    """S states and A actions; transitions, rewards and costs are drawn once, from ``seed``.

    The one action component in [0, 1] chooses among the A actions at equal distances (``Categorical(levels=A)``). The
    observation is the state and the step, both one-hot. The limits are what a mixture of the best unconstrained and
    the cheapest policy costs, so they can be met together; where one is active the best policy is a random one.

    Args:
        states: S.
        actions: A.
        horizon: T.
        constraints: K.
        tightness: Share of the cheapest policy (the least sum of all costs) in the mixture.
        seed: Of everything random.
    """

    def __init__(
        self,
        states: int = 4,
        actions: int = 3,
        horizon: int = 5,
        *,
        constraints: int = 1,
        tightness: float = 0.5,
        seed: int = 0,
    ) -> None:
        generator = np.random.default_rng(seed)
        self.horizon = horizon
        self.start_S = generator.dirichlet(np.ones(states))
        self.move_SAS = generator.dirichlet(np.full(states, 0.5), size=(states, actions))
        self.reward_SA = generator.uniform(size=(states, actions))
        self.cost_KSA = generator.uniform(size=(constraints, states, actions))
        dear_K, cheap_K = (self._best(paid_SA, ()).cost_K for paid_SA in (self.reward_SA, -self.cost_KSA.sum(axis=0)))
        limits = tuple((dear_K + tightness * (cheap_K - dear_K)).tolist())
        names = tuple(f"cost{k}" for k in range(constraints))
        self.problem = Problem(states + horizon, 1, horizon, names, limits)
        self.observation_space = gymnasium.spaces.Box(0.0, 1.0, (states + horizon,), np.float64)
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float64)
        self._state, self._t = 0, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Draw the first state."""
        super().reset(seed=seed, options=options)
        self._t, self._state = 0, int(self.np_random.choice(len(self.start_S), p=self.start_S))
        return self._observe(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Earn, pay, and draw the next state."""
        s, a = self._state, round(float(np.clip(action[0], 0.0, 1.0)) * (self.reward_SA.shape[1] - 1))
        self._t += 1
        self._state = int(self.np_random.choice(len(self.start_S), p=self.move_SAS[s, a]))
        done = self._t == self.horizon
        return self._observe(), float(self.reward_SA[s, a]), done, False, {"cost": self.cost_KSA[:, s, a]}

    def many(self, seed: int) -> "TabularBatch":
        """The same problem, many episodes at once."""
        return TabularBatch(self, seed)

    def solve(self) -> Occupancy:
        """The best policy that keeps the limits on average (Altman 1999, chapter 4).

        Raises:
            InputError: If no policy keeps them.
        """
        return self._best(self.reward_SA, self.problem.limits)

    def priced(self, multiplier_K: Array) -> Occupancy:
        """The best policy where costs have prices and no limits: of reward minus multipliers times costs.

        It is what an agent can at best find whose multipliers are these; its ``reward`` is net of the prices.
        """
        return self._best(self.reward_SA - np.tensordot(multiplier_K, self.cost_KSA, axes=1), ())

    def value(self, policy_TSA: Array) -> tuple[float, Array]:
        """Expected total reward and costs of a policy, exactly.

        Args:
            policy_TSA: Probabilities of the actions.
        """
        state_S, reward, cost_K = self.start_S, 0.0, np.zeros(len(self.cost_KSA))
        for policy_SA in policy_TSA:
            visit_SA = state_S[:, None] * policy_SA
            reward += float((visit_SA * self.reward_SA).sum())
            cost_K = cost_K + (visit_SA * self.cost_KSA).sum(axis=(1, 2))
            state_S = np.einsum("sa,sax->x", visit_SA, self.move_SAS)
        return reward, cost_K

    def observations(self) -> Array:
        """What is seen in every state at every step, shape (T * S, O), step by step."""
        states, horizon = len(self.start_S), self.horizon
        seen = [np.concatenate([np.eye(states)[s], np.eye(horizon)[t]]) for t in range(horizon) for s in range(states)]
        return np.stack(seen)

    def _best(self, reward_SA: Array, limits: tuple[float, ...]) -> Occupancy:
        """Linear program over occupancy measures, with limits on the first costs."""
        cp: Any = cvxpy  # it re-exports its names implicitly, which strict typing refuses
        states, actions = reward_SA.shape
        visits = [cp.Variable((states, actions), nonneg=True) for _ in range(self.horizon)]
        flow = [cp.sum(visits[0], axis=1) == self.start_S]
        move = self.move_SAS.reshape(states * actions, states)
        flow += [
            cp.sum(after, axis=1) == move.T @ cp.reshape(before, (states * actions,), order="C")
            for before, after in pairwise(visits)
        ]
        cost_K = [cp.sum(cp.multiply(cost_SA, sum(visits))) for cost_SA in self.cost_KSA]
        kept = [cost <= limit for cost, limit in zip(cost_K, limits, strict=False)]
        reward = cp.sum(cp.multiply(reward_SA, sum(visits)))
        posed = cp.Problem(cp.Maximize(reward), [*flow, *kept])
        posed.solve(solver=cp.HIGHS)
        if posed.status != cp.OPTIMAL:
            raise InputError(
                "limits of the tabular problem",
                expected="limits that some policy keeps on average",
                got=f"{limits} ({posed.status})",
                remedy="Raise them: priced() of large multipliers tells what the cheapest policy costs.",
            )
        return Occupancy(
            visit_TSA=np.stack([visit.value for visit in visits]),
            multiplier_K=np.array([float(limit.dual_value) for limit in kept]),
            reward=float(reward.value),
            cost_K=np.array([float(cost.value) for cost in cost_K]),
        )

    def _observe(self) -> Array:
        """State and step, one-hot; after the last step, the last."""
        t = min(self._t, self.horizon - 1)
        return np.concatenate([np.eye(len(self.start_S))[self._state], np.eye(self.horizon)[t]])


@final
class TabularBatch:
    """Episodes of a :class:`TabularCMDP` in lockstep, a ``cmdp.BatchEnv``."""

    def __init__(self, of: TabularCMDP, seed: int) -> None:
        self._of, self._generator = of, np.random.default_rng(seed)
        self._state_N, self._t = np.zeros(0, dtype=np.int64), 0

    @property
    def problem(self) -> Problem:
        """What is posed."""
        return self._of.problem

    def reset(self, episodes: int) -> Array:
        """Draw the first states."""
        self._t, self._state_N = 0, self._drawn(np.tile(self._of.start_S, (episodes, 1)))
        return self._observe()

    def step(self, action_NA: Array) -> tuple[Array, Array, Array, bool]:
        """Earn, pay, and draw the next states."""
        s_N = self._state_N
        a_N = np.rint(np.clip(action_NA[:, 0], 0.0, 1.0) * (self._of.reward_SA.shape[1] - 1)).astype(np.int64)
        self._t, self._state_N = self._t + 1, self._drawn(self._of.move_SAS[s_N, a_N])
        done = self._t == self._of.horizon
        return self._observe(), self._of.reward_SA[s_N, a_N], self._of.cost_KSA[:, s_N, a_N].T, done

    def _drawn(self, chance_NS: Array) -> NDArray[np.int64]:
        edge_NS = chance_NS.cumsum(axis=1)
        drawn_N = self._generator.random((len(chance_NS), 1)) * edge_NS[:, -1:]
        return np.asarray((drawn_N > edge_NS).sum(axis=1))

    def _observe(self) -> Array:
        t = min(self._t, self._of.horizon - 1)
        steps = np.tile(np.eye(self._of.horizon)[t], (len(self._state_N), 1))
        return np.concatenate([np.eye(len(self._of.start_S))[self._state_N], steps], axis=1)
