"""What action values are regressed on, as pure functions.

Axis letters: B steps, A action, L levels, V = 1 + K (reward first, then costs).
"""

import torch
from torch import Tensor, nn


def backup(signal_BV: Tensor, next_BV: Tensor, done_B: Tensor, gamma: float) -> Tensor:
    """One-step target y = r + gamma (1 - done) Q(s', a') of every signal, shape (B, V)."""
    return signal_BV + gamma * torch.where(done_B[:, None], 0.0, next_BV)


def joint_value(value_BAL: Tensor, index_BA: Tensor) -> Tensor:
    """Value of whole actions from those of their components: Q(s, a) = mean_i Q_i(s, a_i), shape (B,).

    One head per component keeps the number of outputs linear in A (Tavakoli et al. 2018). As the joint value is
    additive (Sunehag et al. 2018), the best level of every component by itself is the best joint action, and with
    A = 1 this is plain Q-learning.
    """
    return value_BAL.gather(2, index_BA[..., None])[..., 0].mean(dim=1)


def best_value(target_BAL: Tensor, online_BAL: Tensor | None) -> Tensor:
    """max_a Q'(s, a) by the target network, shape (B,).

    With ``online_BAL`` the online network chooses the action that the target network judges: a = argmax_a Q(s, a)
    (double Q-learning, van Hasselt et al. 2016, equation 4).
    """
    chooser_BAL = target_BAL if online_BAL is None else online_BAL
    return joint_value(target_BAL, chooser_BAL.argmax(dim=2))


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, tau: float) -> None:
    """Move every parameter of the target network: theta' <- theta' + tau (theta - theta')."""
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), tau)
