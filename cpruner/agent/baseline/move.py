"""Random moves of a sequence of actions.

Axis letters: T steps, A action.
"""

import numpy as np
import torch

from cpruner.cmdp import Array


def jump(action_TA: Array, components: int, std: float, generator: torch.Generator) -> Array:
    """Add Gaussian noise to a few components, drawn anew each time, and clip them to [0, 1].

    Args:
        action_TA: Where to start from; it is left alone.
        components: How many of the T * A components move; all of them if there are not as many.
        std: Standard deviation of the noise.
        generator: Draws the components and the noise.

    Returns:
        The moved sequence, of the same shape.
    """
    moved_D = action_TA.flatten()
    chosen = torch.randperm(len(moved_D), generator=generator)[:components].numpy()
    noise: Array = torch.randn(len(chosen), generator=generator, dtype=torch.float64).numpy()
    moved_D[chosen] = np.clip(moved_D[chosen] + std * noise, 0.0, 1.0)
    return moved_D.reshape(action_TA.shape)
