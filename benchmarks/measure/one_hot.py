"""A tabular problem that a linear policy can solve."""

from dataclasses import replace
from typing import final

import numpy as np

from cpruner.cmdp import Array, Problem
from cpruner.testing import TabularCMDP


@final
class OneHot:
    """A tabular problem that shows the pair of step and state, one-hot, so that a linear policy is a table."""

    def __init__(self, env: TabularCMDP, seed: int) -> None:
        self._many, self._states = env.many(seed), len(env.start_S)
        self.problem: Problem = replace(env.problem, observation_size=env.horizon * self._states)

    def reset(self, episodes: int) -> Array:
        """Begin N episodes."""
        return self._pair(self._many.reset(episodes))

    def step(self, action_NA: Array) -> tuple[Array, Array, Array, bool]:
        """One step of all."""
        seen_NO, reward_N, cost_NK, done = self._many.step(action_NA)
        return self._pair(seen_NO), reward_N, cost_NK, done

    def _pair(self, seen_NO: Array) -> Array:
        state_NS, step_NT = seen_NO[:, : self._states], seen_NO[:, self._states :]
        return np.asarray((step_NT[:, :, None] * state_NS[:, None, :]).reshape(len(seen_NO), -1))
