"""The constrained MDP of pruning with predicted rewards, thousands of episodes at once.

Axis letters: N episodes, G groups, O observation, A = 1 action, K budgets.
"""

from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.cmdp import Problem
from cpruner.env.pruning_env import PruningEnv

Array = NDArray[np.float64]


@final
class PredictedEnv:
    """Episodes as in ``PruningEnv``, in lockstep; instead of judging a network the last step asks a prediction.

    Observations, legal actions and the scaling of proposals are the same, and so are the costs that can be counted;
    the others are taken as proportional to FLOPs, as in the observation.

    Args:
        env: The environment it stands in for.
        predict: From widths (N, G) to rewards (N,), on any rising scale of the true ones.
    """

    def __init__(self, env: PruningEnv, predict: Callable[[NDArray[np.int64]], Array]) -> None:
        self._env, self._predict = env, predict
        self._decided_NT: Array = np.zeros((0, 0))

    @property
    def problem(self) -> Problem:
        """That of the environment."""
        return self._env.problem

    def reset(self, episodes: int) -> Array:
        """Begin with nothing decided; observations (N, O)."""
        self._decided_NT = np.zeros((episodes, 0))
        return self._env.observer.observe_of(self._decided_NT)

    def step(self, action_NA: Array) -> tuple[Array, Array, Array, bool]:
        """Decide the next group of every episode; actions are clipped as in the environment."""
        lowest = self._env.options.lowest
        self._decided_NT = np.concatenate([self._decided_NT, np.clip(action_NA, lowest, 1.0)], axis=1)
        episodes, steps = self._decided_NT.shape
        observation_NO = self._env.observer.observe_of(self._decided_NT)
        if steps < self.problem.horizon:
            return observation_NO, np.zeros(episodes), np.zeros((episodes, len(self.problem.limits))), False
        reward_N = self._predict(self._env.space.widths_of(self._env.keep_ratios_of(self._decided_NT)))
        return observation_NO, reward_N, self._env.observer.predict_of(self._decided_NT), True
