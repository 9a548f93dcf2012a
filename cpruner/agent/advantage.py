"""Returns and advantages of whole episodes, as pure functions.

Axis letters: T steps, N episodes, K constraints; X stands for any further axes (none for rewards, K for costs).
Episodes end in a terminal state, so nothing is bootstrapped after the last step.
"""

from collections.abc import Sequence

import numpy as np

from cpruner.cmdp import Array


def returns(reward_TX: Array, gamma: float) -> Array:
    """Discounted reward to go: G_t = r_t + gamma * G_{t+1}, with G_T = 0.

    Args:
        reward_TX: Rewards or costs, shape (T,) or (T, K).
        gamma: Discount in [0, 1].

    Returns:
        G_TX, same shape.
    """
    return gae(reward_TX, np.zeros_like(reward_TX), gamma, 1.0)


def gae(reward_TX: Array, value_TX: Array, gamma: float, lam: float | Array) -> Array:
    """Generalised advantage estimate (Schulman et al. 2016, equation 16) of one finished episode.

    delta_t = r_t + gamma * V_{t+1} - V_t and A_t = delta_t + gamma * lam * A_{t+1}, with V_T = A_T = 0.

    Args:
        reward_TX: Rewards or costs, shape (T,) or (T, K).
        value_TX: Values of the states in which they were got, same shape.
        gamma: Discount in [0, 1].
        lam: Trace decay in [0, 1], a number or one per column; 1 gives G_t - V_t.

    Returns:
        A_TX, same shape.
    """
    advantage_TX = np.zeros_like(reward_TX)
    following, next_value = np.zeros_like(reward_TX[0]), np.zeros_like(reward_TX[0])
    for t in reversed(range(len(reward_TX))):
        delta = reward_TX[t] + gamma * next_value - value_TX[t]
        following = delta + gamma * lam * following
        advantage_TX[t], next_value = following, value_TX[t]
    return advantage_TX


def leave_one_out(return_NTX: Sequence[Array]) -> list[Array]:
    """Each return minus the mean return of the other episodes at the same step (RLOO; Kool et al. 2019, equation 8).

    The baseline of an episode does not depend on its own actions, hence the gradient stays unbiased without a critic.
    An episode that is over counts with a return of 0. With a single episode the baseline is 0.

    Args:
        return_NTX: Returns to go of N episodes, of shape (T_n,) or (T_n, K) each.

    Returns:
        Advantages, N arrays of the same shapes.
    """
    steps = max(len(return_TX) for return_TX in return_NTX)
    total_TX = np.zeros((steps, *return_NTX[0].shape[1:]))
    for return_TX in return_NTX:
        total_TX[: len(return_TX)] += return_TX
    others = max(len(return_NTX) - 1, 1)
    return [return_TX - (total_TX[: len(return_TX)] - return_TX) / others for return_TX in return_NTX]
