"""Preparing an agent on a surrogate before a network is judged.

Axis letters: N solutions or candidates, G groups, A = 1 action.
"""

import numpy as np
from numpy.typing import NDArray

from cpruner.agent.warm_up import WarmUp, warm_up
from cpruner.cmdp import Agent, UpdateStats
from cpruner.env import PredictedEnv, PruningEnv
from cpruner.env.share import spread
from cpruner.surrogate import Surrogate, knapsack

Array = NDArray[np.float64]

BUDGETS = 8
"""Shares of the limits for which solutions are imitated, where budgets are drawn."""


def warm_start(agent: Agent, env: PruningEnv, made: Surrogate, spec: WarmUp, solution_NGA: Array) -> list[UpdateStats]:
    """Let an agent imitate what the surrogate thinks best, then practise on its predictions.

    Rewards are minus the predicted logarithm of the loss: rising with the true reward, on another scale, which the
    agent forgets with the episodes (``restart``).

    Args:
        agent: Learns, if it can (see ``warm_up``).
        env: The environment it will search in.
        made: A surrogate of the same network, ranked alike.
        spec: How long.
        solution_NGA: What ``solutions`` gives.

    Returns:
        The statistics of the updates on predicted rewards.

    Raises:
        InfeasibleError: The narrowest network exceeds a counted budget.
    """

    def reward(width_NG: NDArray[np.int64]) -> Array:
        return -made.predict(width_NG)

    return warm_up(agent, PredictedEnv(env, reward), spec, solution_NGA)


def solutions(env: PruningEnv, made: Surrogate) -> Array:
    """Keep ratios with the least predicted loss within the budgets that can be counted, (N, G, A).

    N is 0 without such a budget, and 1 with one; where budgets are drawn, it is ``BUDGETS``, and the solutions are for
    as many shares of the limits, those of a :class:`PredictedEnv` with N episodes.
    """
    sizes = np.array(env.space.sizes, dtype=np.float64)
    if not env.countable.limits:
        return np.zeros((0, len(sizes), 1))
    share_N = spread(env.options.tightest, BUDGETS if env.options.tightest < 1.0 else 1)
    found = [knapsack(made, [(name, share * limit) for name, limit in env.countable.limits]) for share in share_N]
    return (np.array(found) / sizes)[:, :, None]
