"""The constrained MDP of pruning with predicted rewards, thousands of episodes at once.

Axis letters: N episodes, G groups, O observation, A = 1 action, K budgets.
"""

from collections.abc import Callable
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.cmdp import Problem
from cpruner.env.pruning_env import PruningEnv
from cpruner.env.share import spread
from cpruner.errors import InputError

Array = NDArray[np.float64]


@final
class PredictedEnv:
    """Episodes as in ``PruningEnv``, in lockstep; instead of judging a network the last step asks a prediction.

    Observations, legal actions and what becomes of proposals are the same, and so are the costs that can be counted;
    the others are taken as proportional to FLOPs, as in the observation. Where budgets are drawn, the episodes cover
    them evenly, so that nothing is random: the first has the whole limits, the last the tightest.

    Args:
        env: The environment it stands in for.
        predict: From widths (N, G) to rewards (N,), on any rising scale of the true ones.

    Raises:
        InputError: The environment's actions are masks: predictions know widths only.
    """

    def __init__(self, env: PruningEnv, predict: Callable[[NDArray[np.int64]], Array]) -> None:
        if env.actions.masks:
            remedy = "Choose action=ratio or levels, or do without predicted rewards."
            raise InputError("PruningProblem.action", expected="ratio or levels", got="'mask'", remedy=remedy)
        self._env, self._predict = env, predict
        self._decided_NT: Array = np.zeros((0, 0))
        self._share_N = self._paid_N = np.ones(0)

    @property
    def problem(self) -> Problem:
        """That of the environment."""
        return self._env.problem

    def reset(self, episodes: int) -> Array:
        """Begin with nothing decided; observations (N, O)."""
        self._decided_NT, self._paid_N = np.zeros((episodes, 0)), np.zeros(episodes)
        self._share_N = spread(self._env.options.tightest, episodes)
        return self._env.observer.observe_of(self._decided_NT, self._share_N)

    def step(self, action_NA: Array) -> tuple[Array, Array, Array, bool]:
        """Decide the next group of every episode; actions are clipped as in the environment."""
        wanted_N = self._env.actions.ratios_of(action_NA[:, 0])
        executed_N = self._env.lower(self._decided_NT, wanted_N, self._share_N)
        self._decided_NT = np.concatenate([self._decided_NT, executed_N[:, None]], axis=1)
        episodes, steps = self._decided_NT.shape
        observation_NO = self._env.observer.observe_of(self._decided_NT, self._share_N)
        rest = self.problem.horizon - steps
        if rest:
            stage_NG = np.concatenate([self._decided_NT, np.ones((episodes, rest))], axis=1)
            every = self._env.options.pays == "every"
            reward_N = self._change(self._predicted(stage_NG)) if every else np.zeros(episodes)
            return observation_NO, reward_N, np.zeros((episodes, len(self.problem.limits))), False
        judged_NG = self._env.keep_ratios_of(self._decided_NT, self._share_N)
        charged_NG = judged_NG if self._env.options.charged == "judged" else self._decided_NT
        cost_NK = self._env.observer.predict_of(charged_NG, self._share_N)
        return observation_NO, self._change(self._predicted(judged_NG)), cost_NK, True

    def _predicted(self, ratio_NG: Array) -> Array:
        return self._predict(self._env.space.widths_of(ratio_NG))

    def _change(self, score_N: Array) -> Array:
        """What the score has risen since the last step that paid."""
        change_N, self._paid_N = score_N - self._paid_N, score_N
        return change_N
