"""Scales of reward and costs, as pure functions.

Axis letters: B steps, N episodes, K constraints.
"""

import numpy as np

from cpruner.cmdp import Array


def standardise(advantage_B: Array, epsilon: float = 1e-8) -> tuple[Array, float]:
    """Advantages with zero mean and unit variance, and what they were divided by.

    Where the deviation is below ``epsilon``, nothing is divided. Costs are divided by the deviation of the reward, not
    by their own: one divisor leaves lambda the multiplier of the problem itself, a divisor for each would silently
    change it from batch to batch.
    """
    deviation = float(advantage_B.std())
    divisor = deviation if deviation > epsilon else 1.0
    return np.asarray((advantage_B - advantage_B.mean()) / divisor), divisor


def dual_unit(reward_N: Array, cost_NK: Array, epsilon: float = 1e-8) -> Array:
    """Natural unit of each multiplier: spread of the total reward over spread of the total cost, shape (K,).

    Both spreads are standard deviations over the same episodes. In this unit a multiplier near 1 balances reward
    against cost, whatever their scales, so one set of gains serves all problems. Where a spread is below ``epsilon``
    the unit is 0: unknown yet.
    """
    deviation, deviation_K = reward_N.std(), cost_NK.std(axis=0)
    known_K = (deviation > epsilon) & (deviation_K > epsilon)
    return np.where(known_K, deviation / np.where(known_K, deviation_K, 1.0), 0.0)
