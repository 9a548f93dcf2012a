"""What action values are regressed on, as pure functions.

Axis letters: B steps, A action, L levels, V = 1 + K (reward first, then costs).
"""

import torch
from torch import Tensor, nn


def backup(signal_BV: Tensor, next_BV: Tensor, done_B: Tensor, gamma: float) -> Tensor:
    """One-step target y = z + gamma (1 - done) Q(o', a') of every signal, shape (B, V)."""
    return signal_BV + gamma * torch.where(done_B[:, None], 0.0, next_BV)


def best_levels(value_BALV: Tensor, weight_V: Tensor) -> Tensor:
    """The level of every component with the largest sum_v w_v Q_v, shape (B, A)."""
    return (value_BALV @ weight_V).argmax(dim=2)


def joint_value(value_BALV: Tensor, index_BA: Tensor) -> Tensor:
    """Values of whole actions from those of their components: Q(o, a) = mean_i Q_i(o, a_i), shape (B, V).

    One head per component keeps the number of outputs linear in A (Tavakoli et al. 2018). As the joint value is
    additive (Sunehag et al. 2018), the best level of every component by itself is the best joint action, and with
    A = 1 this is plain Q-learning.
    """
    index_BA1V = index_BA[..., None, None].expand(-1, -1, 1, value_BALV.shape[3])
    return value_BALV.gather(2, index_BA1V)[:, :, 0].mean(dim=1)


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, tau: float) -> None:
    """Move every parameter of the target network: theta' <- theta' + tau (theta - theta')."""
    torch._foreach_lerp_(list(target.parameters()), list(online.parameters()), tau)
