"""One advantage out of the advantages of the reward and of the costs, as pure functions.

Axis letters: B steps, N episodes, K constraints.
"""

import numpy as np

from cpruner.cmdp import Array


def lagrangian_advantage(reward_B: Array, cost_BK: Array, lambda_K: Array) -> Array:
    """Advantage of the Lagrangian: (A_r - sum_k lambda_k A_ck) / (1 + sum_k lambda_k), shape (B,).

    The denominator keeps the step bounded when a multiplier grows (Stooke, Achiam & Abbeel 2020).
    """
    return np.asarray((reward_B - cost_BK @ lambda_K) / (1.0 + lambda_K.sum()))


def standardise_by_reward(reward_B: Array, cost_BK: Array, epsilon: float = 1e-8) -> tuple[Array, Array]:
    """Centre all advantages and divide all by the standard deviation of the reward's.

    One divisor for reward and costs leaves lambda the multiplier of the problem itself; a divisor for each would
    silently change it from batch to batch. Where the deviation is below ``epsilon``, nothing is divided.
    """
    deviation = reward_B.std()
    divisor = deviation if deviation > epsilon else 1.0
    return np.asarray((reward_B - reward_B.mean()) / divisor), np.asarray((cost_BK - cost_BK.mean(axis=0)) / divisor)


def dual_unit(reward_N: Array, cost_NK: Array, epsilon: float = 1e-8) -> Array:
    """Natural unit of each multiplier: spread of the total reward over spread of the total cost, shape (K,).

    Both spreads are standard deviations over the same episodes. In this unit a multiplier near 1 balances reward
    against cost, whatever their scales, so one set of gains serves all problems. Where a spread is below ``epsilon``
    the unit is 0: unknown yet.
    """
    deviation, deviation_K = reward_N.std(), cost_NK.std(axis=0)
    known_K = (deviation > epsilon) & (deviation_K > epsilon)
    return np.where(known_K, deviation / np.where(known_K, deviation_K, 1.0), 0.0)
