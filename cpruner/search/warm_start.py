"""Preparing an agent on a surrogate before a network is judged.

Axis letters: N solutions or candidates, G groups, A = 1 action.
"""

import numpy as np
from numpy.typing import NDArray

from cpruner.agent.warm_up import WarmUp, warm_up
from cpruner.cmdp import Agent, UpdateStats
from cpruner.env import PredictedEnv, PruningEnv
from cpruner.surrogate import Surrogate, knapsack

Array = NDArray[np.float64]


def warm_start(agent: Agent, env: PruningEnv, made: Surrogate, spec: WarmUp) -> list[UpdateStats]:
    """Let an agent imitate what the surrogate thinks best, then practise on its predictions.

    Rewards are minus the predicted logarithm of the loss: rising with the true reward, on another scale, which the
    agent forgets with the episodes (``restart``).

    Args:
        agent: Learns, if it can (see ``warm_up``).
        env: The environment it will search in.
        made: A surrogate of the same network, ranked alike.
        spec: How long.

    Returns:
        The statistics of the updates on predicted rewards.

    Raises:
        InfeasibleError: The narrowest network exceeds a counted budget.
    """

    def reward(width_NG: NDArray[np.int64]) -> Array:
        return -made.predict(width_NG)

    return warm_up(agent, PredictedEnv(env, reward), spec, solutions(env, made))


def solutions(env: PruningEnv, made: Surrogate) -> Array:
    """Keep ratios with the least predicted loss within the budgets that can be counted, (N, G, A); N is 0 or 1."""
    sizes = np.array(env.space.sizes, dtype=np.float64)
    if not env.countable.limits:
        return np.zeros((0, len(sizes), 1))
    return (np.array(knapsack(made, env.countable.limits)) / sizes)[None, :, None]
