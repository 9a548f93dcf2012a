"""How off-policy agents try what they do not hold for best, as pure functions.

Axis letters: A action, L levels.
"""

import torch
from torch import Tensor


def decayed(initial: float, decay: float, floor: float, episodes: int) -> float:
    """max(floor, initial * decay^episodes), the scale of exploration after so many episodes of learning."""
    return max(floor, initial * decay**episodes)


def truncated_normal(mean_A: Tensor, std: float, generator: torch.Generator) -> Tensor:
    """Draw from N(mean, std^2) truncated to [0, 1] (He et al. 2018, section 3.2), by inversion.

    With Phi the normal distribution function and u uniform::

        a = mean + std * Phi^-1(Phi(-mean / std) + u (Phi((1 - mean) / std) - Phi(-mean / std)))

    Args:
        mean_A: In [0, 1]; the mean before truncation.
        std: Standard deviation before truncation; 0 gives the mean itself.
        generator: Source of u.
    """
    u_A = torch.rand(mean_A.shape, generator=generator, dtype=torch.float64)
    if std == 0.0:
        return mean_A.clone()
    low_A, high_A = torch.special.ndtr(-mean_A / std), torch.special.ndtr((1.0 - mean_A) / std)
    standard_A: Tensor = torch.special.ndtri(low_A + u_A * (high_A - low_A))
    return (mean_A + std * standard_A).clamp(0.0, 1.0)


def epsilon_greedy(best_A: Tensor, levels: int, epsilon: float, generator: torch.Generator) -> Tensor:
    """The best of L levels of every component, or with probability epsilon any, shape (A,)."""
    any_A = torch.randint(levels, best_A.shape, generator=generator)
    explore_A = torch.rand(best_A.shape, generator=generator, dtype=torch.float64) < epsilon
    return torch.where(explore_A, any_A, best_A)


def level(index_A: Tensor, levels: int, lowest: float) -> Tensor:
    """The action of every index 0..L-1, evenly spaced from ``lowest`` to 1."""
    return lowest + (1.0 - lowest) * (index_A.double() / (levels - 1))


def nearest(action_BA: Tensor, levels: int, lowest: float) -> Tensor:
    """Index of the level nearest to every action."""
    share_BA = (action_BA - lowest) / (1.0 - lowest)
    return (share_BA.clamp(0.0, 1.0) * (levels - 1)).round().long()
