"""The clipped surrogate objective of PPO, as pure functions.

Axis letter: B steps.
"""

import torch
from torch import Tensor


def clipped_loss(ratio_B: Tensor, advantage_B: Tensor, clip: float, weight_B: Tensor) -> Tensor:
    """Negative clipped surrogate (Schulman et al. 2017, equation 7), a scalar to minimise.

    With rho = pi / pi_old: -mean(w * min(rho * A, clip(rho, 1 - clip, 1 + clip) * A)). For steps played by an older
    policy pi_b, w = pi_old / pi_b corrects the distribution (sample reuse, Queeney et al. 2021).

    Args:
        ratio_B: rho.
        advantage_B: Advantages; no gradient flows into them.
        clip: Half width of the trust region of rho.
        weight_B: Importance weights w.
    """
    gain_B = torch.minimum(ratio_B * advantage_B, ratio_B.clamp(1.0 - clip, 1.0 + clip) * advantage_B)
    return -(weight_B * gain_B).mean()


def truncated_weight(old_log_prob_B: Tensor, behaviour_log_prob_B: Tensor, cap: float) -> Tensor:
    """Importance weight of every step, min(pi_old / pi_b, cap)."""
    return (old_log_prob_B - behaviour_log_prob_B).exp().clamp(max=cap)
