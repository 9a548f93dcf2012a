"""Baseline: sequences planned elsewhere, then changed a little.

Axis letters: T steps, A action.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from cpruner.agent.baseline.move import jump
from cpruner.agent.baseline.playback import Playback
from cpruner.agent.baseline.trial import Trial
from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.errors import InputError
from cpruner.spec import check, option

HALF = 0.5


@dataclass(frozen=True)
class Plan:
    """Plays given sequences in their order, then random moves of the best one seen, open loop.

    The best is the feasible one with the most reward; as long as none is feasible, the one that violates least. It is
    for widths computed elsewhere, such as the best ones of a surrogate, and asks what the true judge thinks of them:
    without ``actions`` it plays what it is given to imitate, or one half at every step where there is nothing.
    """

    actions: list[list[float]] = option(
        [], "Sequences, one number in [0, 1] per step each; a single number stands for all steps."
    )
    components: int = option(4, "Actions that one move changes.", low=1)
    step: float = option(0.1, "Standard deviation of a move.", low=0.0)

    def __post_init__(self) -> None:
        check(self)
        legal = all(sequence and all(0.0 <= action <= 1.0 for action in sequence) for sequence in self.actions)
        if not legal:
            raise InputError(
                "Plan.actions",
                expected="sequences of numbers in [0, 1]",
                got=repr(self.actions),
                remedy="Give one number per step.",
            )

    def build(self, problem: Problem, seed: int) -> "PlanAgent":
        """Make the agent; every episode must have ``problem.horizon`` steps.

        Raises:
            InputError: If a sequence has neither one number nor one per step.
        """
        for sequence in self.actions:
            if len(sequence) not in {1, problem.horizon}:
                raise InputError(
                    "Plan.actions",
                    expected=f"{problem.horizon} numbers in every sequence, or a single one",
                    got=len(sequence),
                    remedy="Give one number per step of the episode, in the order of the groups.",
                )
        return PlanAgent(self, problem, seed)


@final
class PlanAgent:
    """State of :class:`Plan`: the sequences, how many of them were played, and the best one."""

    def __init__(self, spec: Plan, problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        self._generator = torch.Generator().manual_seed(seed)
        self._playback = Playback()
        shape = (problem.horizon, problem.action_size)
        self._planned = [
            np.array(np.broadcast_to(np.array(sequence, dtype=np.float64)[:, None], shape)) for sequence in spec.actions
        ]
        self._played = 0
        self._best: Trial | None = None

    @property
    def episodes_per_update(self) -> int:
        """One; the best one may change with every episode."""
        return 1

    def begin(self) -> None:
        """Back to the first step; the next sequence is chosen when it is asked for."""
        self._playback.begin()

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The next action of a sequence; of the best one seen, or else the first, if ``deterministic``."""
        del observation
        if deterministic:
            return self._playback.show(self._sequence(0) if self._best is None else self._best.action_TA)
        return self._playback.act(self._propose)

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Remember the best.

        Raises:
            InputError: If an episode is not ``problem.horizon`` steps long.
        """
        for episode in episodes:
            trial = Trial.of(episode, self.problem)
            self._best = trial if trial.beats(self._best) else self._best
        left = max(0, len(self._planned) - self._played)
        return UpdateStats(scalars={"planned_left": float(left)})

    def imitate(self, episodes: Sequence[Episode], steps: int, lr: float) -> float:
        """Plan the actions of given episodes, if no others are planned; the log probability of what is certain is 0."""
        del steps, lr
        self._planned = self._planned or [np.array(episode.action_TA) for episode in episodes]
        return 0.0

    def state_dict(self) -> dict[str, Any]:
        """Sequences, count, best sequence and generator."""
        return {
            "planned": [torch.from_numpy(sequence_TA.copy()) for sequence_TA in self._planned],
            "played": self._played,
            "best": [] if self._best is None else [self._best.state_dict()],
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``, at the beginning of an episode."""
        self._planned = [sequence_TA.numpy().copy() for sequence_TA in state["planned"]]
        self._played = int(state["played"])
        self._best = next((Trial.from_state(best) for best in state["best"]), None)
        self._generator.set_state(state["generator"])
        self._playback.begin()

    def _propose(self) -> Array:
        self._played += 1
        if self._played <= len(self._planned) or self._best is None:
            return self._sequence(self._played - 1)
        return jump(self._best.action_TA, self.spec.components, self.spec.step, self._generator)

    def _sequence(self, index: int) -> Array:
        if not self._planned:
            return np.full((self.problem.horizon, self.problem.action_size), HALF)
        return self._planned[index % len(self._planned)]
