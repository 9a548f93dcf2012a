"""The learning rate over time."""

import math

from cpruner.finetune.spec import FineTune

FIRST_SHARE = 0.01  # of the highest rate, at the first step of the warm-up


def learning_rate(position: float, spec: FineTune) -> float:
    """Return the learning rate at a moment of training.

    Linear warm-up over W epochs, then half a cosine down to 0 at epoch E (Loshchilov and Hutter 2017, "SGDR",
    equation 5 without restarts): lr / 2 (1 + cos(pi (p - W) / (E - W))).

    Args:
        position: p, epochs done so far, in [0, E]; fractions count steps inside an epoch.
        spec: Gives lr, W and E.
    """
    if position < spec.warmup_epochs:
        return spec.lr * (FIRST_SHARE + (1 - FIRST_SHARE) * position / spec.warmup_epochs)
    share = (position - spec.warmup_epochs) / (spec.epochs - spec.warmup_epochs)
    return spec.lr * (1 + math.cos(math.pi * share)) / 2
