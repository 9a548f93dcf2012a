"""Baseline: every keep ratio drawn independently."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.spec import check, option


@dataclass(frozen=True)
class Random:
    """Draws every action component uniformly from [low, 1]."""

    low: float = option(0.1, "Smallest ratio drawn.", low=0.0, high=1.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> "RandomAgent":
        """Make the agent."""
        return RandomAgent(self, problem, seed)


@final
class RandomAgent:
    """State of :class:`Random`: its generator."""

    def __init__(self, spec: Random, problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def episodes_per_update(self) -> int:
        """One; there is nothing to learn."""
        return 1

    def begin(self) -> None:
        """Nothing to forget."""

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """A uniform draw, or its mean if ``deterministic``."""
        del observation
        size, low = self.problem.action_size, self.spec.low
        if deterministic:
            return np.full(size, 0.5 * (low + 1.0))
        draw_A: Array = torch.rand(size, generator=self._generator, dtype=torch.float64).numpy()
        return low + (1.0 - low) * draw_A

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Learn nothing."""
        del episodes
        return UpdateStats()

    def state_dict(self) -> dict[str, Any]:
        """The state of the generator."""
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._generator.set_state(state["generator"])
