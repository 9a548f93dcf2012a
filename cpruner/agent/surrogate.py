"""The clipped surrogate objective of PPO, as pure functions.

Axis letters: B steps, A action.
"""

import torch
from torch import Tensor


def clipped_loss(
    log_prob_B: Tensor, old_log_prob_B: Tensor, advantage_B: Tensor, clip: float, weight_B: Tensor | None = None
) -> Tensor:
    """Negative clipped surrogate (Schulman et al. 2017, equation 7), a scalar to minimise.

    With rho = pi / pi_old: -mean(w * min(rho * A, clip(rho, 1 - clip, 1 + clip) * A)). For steps played by an older
    policy pi_b, w = pi_old / pi_b corrects the distribution (sample reuse, Queeney et al. 2021).

    Args:
        log_prob_B: Log probability of the actions under the policy being learned.
        old_log_prob_B: The same under the policy at the beginning of this update.
        advantage_B: Advantages; no gradient flows into them.
        clip: Half width of the trust region of rho.
        weight_B: Importance weights w; None means 1.
    """
    ratio_B = (log_prob_B - old_log_prob_B).exp()
    gain_B = torch.minimum(ratio_B * advantage_B, ratio_B.clamp(1.0 - clip, 1.0 + clip) * advantage_B)
    return -(gain_B if weight_B is None else weight_B * gain_B).mean()


def truncated_weight(old_log_prob_B: Tensor, behaviour_log_prob_B: Tensor, cap: float) -> Tensor:
    """Importance weight of every step, min(pi_old / pi_b, cap)."""
    return (old_log_prob_B - behaviour_log_prob_B).exp().clamp(max=cap)


def gaussian_kl(old_mean_BA: Tensor, old_std_A: Tensor, mean_BA: Tensor, std_A: Tensor) -> Tensor:
    """Mean over states of KL(pi_old || pi) of two diagonal Gaussians, in nats, exact.

    Per component: log(s / s_old) + (s_old^2 + (m_old - m)^2) / (2 s^2) - 1/2.
    """
    spread_BA = (old_std_A**2 + (old_mean_BA - mean_BA) ** 2) / (2.0 * std_A**2)
    return ((std_A / old_std_A).log() + spread_BA - 0.5).sum(dim=-1).mean()
