"""Baselines that take the help agents get: what the assistant is worth by itself, with nobody learning beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from cpruner.agent.warm_up import Imitator
from cpruner.cmdp import Agent, AgentSpec, Array, Episode, Problem, UpdateStats


@final
@dataclass(frozen=True)
class Helped:
    """A baseline whose proposals may be filtered by the assistant, which it would not be asked for otherwise.

    Args:
        baseline: Any that does not mind which of its proposals are judged.
    """

    baseline: AgentSpec

    def build(self, problem: Problem, seed: int) -> "HelpedAgent":
        """Make it."""
        return HelpedAgent(self.baseline.build(problem, seed))


@final
class HelpedAgent:
    """State of :class:`Helped`: that of the baseline.

    Args:
        baseline: The one inside.
    """

    def __init__(self, baseline: Agent) -> None:
        self.baseline = baseline

    @property
    def episodes_per_update(self) -> int:
        """As many as the baseline wants."""
        return self.baseline.episodes_per_update

    def begin(self) -> None:
        """An episode begins."""
        self.baseline.begin()

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """What the baseline does."""
        return self.baseline.act(observation, deterministic=deterministic)

    def act_all(self, observation_NO: Array, *, deterministic: bool = False) -> Array:
        """The same in N episodes; only right for a baseline that acts alike at every step, and not asked for here."""
        return np.stack([self.act(seen_O, deterministic=deterministic) for seen_O in observation_NO])

    def imitate(self, episodes: Sequence[Episode], steps: int, lr: float) -> float:
        """Handed on, if the baseline imitates."""
        return self.baseline.imitate(episodes, steps, lr) if isinstance(self.baseline, Imitator) else 0.0

    def restart(self, exploration: float) -> None:
        """A baseline has not practised."""

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Handed on."""
        return self.baseline.update(episodes)

    def state_dict(self) -> dict[str, Any]:
        """That of the baseline."""
        return self.baseline.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Handed on."""
        self.baseline.load_state_dict(state)
