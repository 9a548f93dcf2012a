"""Baseline: the same keep ratio everywhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.errors import InputError
from cpruner.spec import check, option


@dataclass(frozen=True)
class Uniform:
    """Plays one ratio at all steps of an episode, the next of a fixed list in the next episode."""

    ratios: list[float] = option(
        [0.5], "Ratios in [0, 1], one per episode, in this order and then again from the first."
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.ratios or not all(0.0 <= ratio <= 1.0 for ratio in self.ratios):
            raise InputError(
                "Uniform.ratios", expected="numbers in [0, 1]", got=repr(self.ratios), remedy="Give at least one ratio."
            )

    def build(self, problem: Problem, seed: int) -> "UniformAgent":
        """Make the agent; it draws nothing, so the seed does not matter."""
        del seed
        return UniformAgent(self, problem)


@final
class UniformAgent:
    """State of :class:`Uniform`: which episode this is."""

    def __init__(self, spec: Uniform, problem: Problem) -> None:
        self.spec, self.problem = spec, problem
        self._episode = -1

    @property
    def episodes_per_update(self) -> int:
        """One; there is nothing to learn."""
        return 1

    def begin(self) -> None:
        """Go on to the next ratio."""
        self._episode += 1

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The ratio of this episode, A times."""
        del observation, deterministic
        ratio = self.spec.ratios[self._episode % len(self.spec.ratios)]
        return np.full(self.problem.action_size, ratio)

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Learn nothing."""
        del episodes
        return UpdateStats()

    def state_dict(self) -> dict[str, Any]:
        """The number of the episode."""
        return {"episode": self._episode}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._episode = int(state["episode"])
