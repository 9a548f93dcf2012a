"""Gradient steps that end when the policy has moved enough."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim import Adam

from cpruner.agent.policy import Law, Policy
from cpruner.agent.sequences import Sequences


def descend(
    policy: Policy, adam: Adam, seen: Sequences, loss: Callable[[Law], Tensor], *, since: Law, epochs: int, kl: float
) -> tuple[int, float]:
    """Steps of Adam on a loss until ``epochs`` are made or the mean KL(since || policy) exceeds ``kl``.

    Args:
        policy: Changed in place.
        adam: Its optimiser.
        seen: Where the laws are.
        loss: What is to become small, from the laws there.
        since: The laws from which the divergence is measured.
        epochs: Most steps.
        kl: In nats; the step that exceeds it is the last.

    Returns:
        The steps made and the last divergence.
    """
    steps, moved = 0, 0.0
    while steps < epochs and moved <= kl:
        adam.zero_grad()
        loss(policy(seen)).backward()
        adam.step()
        steps += 1
        with torch.no_grad():
            moved = float(since.kl(policy(seen)).mean())
    return steps, moved
