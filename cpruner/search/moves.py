"""Proposals beside those of the agent: small moves of the best candidates judged so far.

Axis letters: N candidates judged, G groups, T = G steps, A = 1 action.
"""

from typing import final

import numpy as np
import torch

from cpruner.agent.baseline.move import jump
from cpruner.agent.baseline.playback import Playback
from cpruner.cmdp import Array
from cpruner.search.assistant import Assistant


def moves(
    ratio_NG: Array, reward_N: Array, spec: Assistant, count: int, seed: int, *, scaled: bool = False
) -> list[Array]:
    """Move some keep ratios of the best candidates a little.

    Args:
        ratio_NG: Keep ratios of the feasible candidates judged so far; N may be 0.
        reward_N: Their rewards.
        spec: From how many of the best, and how far.
        count: How many moves.
        seed: Of the draws.
        scaled: Whether all ratios of a move get a factor as well, exp(step z) with a standard normal z: where no rule
            puts proposals on the budgets.

    Returns:
        Sequences of actions (T, A), ``count`` of them, or none where there is nothing to move.
    """
    if not len(reward_N):
        return []
    distinct_NG, first_N = np.unique(ratio_NG, axis=0, return_index=True)
    best_NG = distinct_NG[np.argsort(-reward_N[first_N], kind="stable")[: spec.elite]]
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randint(len(best_NG), (count,), generator=generator).tolist()
    jumped = [jump(best_NG[row][:, None], spec.components, spec.step, generator) for row in chosen]
    if not scaled:
        return jumped
    factors = torch.exp(spec.step * torch.randn(count, generator=generator, dtype=torch.float64)).tolist()
    return [np.clip(factor * sequence_TA, 0.0, 1.0) for factor, sequence_TA in zip(factors, jumped, strict=True)]


@final
class Follower:
    """Plays a sequence whatever it sees.

    Args:
        sequence_TA: The actions.
        learns_executed: As of the agent that will learn from the episode.
    """

    def __init__(self, sequence_TA: Array, *, learns_executed: bool) -> None:
        self.learns_executed = learns_executed
        self._sequence_TA, self._playback = sequence_TA, Playback()

    def begin(self) -> None:
        """Back to the first step."""
        self._playback.begin()

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The next action."""
        del observation, deterministic
        return self._playback.show(self._sequence_TA)
