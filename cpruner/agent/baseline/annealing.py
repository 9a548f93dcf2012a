"""Baseline: simulated annealing over whole action sequences.

Axis letters: T steps, A action.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from cpruner.agent.baseline.move import jump
from cpruner.agent.baseline.playback import Playback
from cpruner.agent.baseline.trial import Trial
from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.spec import check, option

_COLDEST = 1e-6  # smallest factor of the schedule, for the sake of its inverse


@dataclass(frozen=True)
class Annealing:
    """Simulated annealing (Kirkpatrick, Gelatt and Vecchi 1983), open loop: it does not look at observations.

    Every episode plays the present sequence with a few components moved, and Metropolis' rule says whether it becomes
    the present one. With the schedule q_n = cooling^n after n episodes, the gain of a sequence with reward r and
    violation v over the present one is (r' - r) / s - penalty / q_n (v' - v), where s is the standard deviation of the
    rewards seen (White 1984), and its temperature is temperature * q_n. So the price of violation rises as it cools,
    and in the end no gain in reward pays for it. Moves shrink with the square root of the schedule, as in Boltzmann
    annealing (Szu and Hartley 1987).
    """

    initial_mean: float = option(0.7, "Every action of the first sequence.", low=0.0, high=1.0)
    components: int = option(5, "Actions that one move changes.", low=1)
    step: float = option(0.25, "Standard deviation of a move before cooling.", low=0.0)
    temperature: float = option(0.2, "First temperature, in standard deviations of the rewards seen.", low=0.0)
    cooling: float = option(0.985, "Factor on the temperature after every episode.", low=0.0, high=1.0)
    penalty: float = option(
        20.0, "First price of violating a limit by all of it, in standard deviations of the rewards seen.", low=0.0
    )

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> "AnnealingAgent":
        """Make the agent; every episode must have ``problem.horizon`` steps."""
        return AnnealingAgent(self, problem, seed)


def acceptance(gain: float, temperature: float) -> float:
    """Probability of going on from a proposal: min(1, exp(gain / temperature)) (Metropolis et al. 1953).

    Args:
        gain: How much better the proposal is, negative if it is worse.
        temperature: In the same units; at 0 nothing worse is accepted.

    Returns:
        The probability, 1 if nothing is lost.
    """
    if gain >= 0.0:
        return 1.0
    return math.exp(gain / temperature) if temperature > 0.0 else 0.0


@final
class AnnealingAgent:
    """State of :class:`Annealing`: present and best sequence, and the rewards seen."""

    def __init__(self, spec: Annealing, problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        self._generator = torch.Generator().manual_seed(seed)
        self._playback = Playback()
        self._present: Trial | None = None
        self._best: Trial | None = None
        self._seen, self._mean, self._square = 0, 0.0, 0.0  # Welford's sums over the rewards

    @property
    def episodes_per_update(self) -> int:
        """One; every proposal depends on whether the last was accepted."""
        return 1

    def begin(self) -> None:
        """Back to the first step; the next proposal is drawn when it is asked for."""
        self._playback.begin()

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The next action of a proposal, in [0, 1]; of the best sequence seen if ``deterministic``."""
        del observation
        if deterministic:
            return self._playback.show(self._first() if self._best is None else self._best.action_TA)
        return self._playback.act(self._propose)

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Accept or refuse.

        Raises:
            InputError: If an episode is not ``problem.horizon`` steps long.
        """
        accepted = [self._judge(Trial.of(episode, self.problem)) for episode in episodes]
        temperature = self.spec.temperature * self._schedule
        return UpdateStats(scalars={"accepted": float(np.mean(accepted)), "temperature": temperature})

    def state_dict(self) -> dict[str, Any]:
        """Sequences with their results, sums over the rewards, and generator."""
        return {
            "present": [] if self._present is None else [self._present.state_dict()],
            "best": [] if self._best is None else [self._best.state_dict()],
            "seen": self._seen,
            "mean": self._mean,
            "square": self._square,
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``, at the beginning of an episode."""
        self._present, self._best = (
            next((Trial.from_state(kept) for kept in state[name]), None) for name in ("present", "best")
        )
        self._seen, self._mean, self._square = int(state["seen"]), float(state["mean"]), float(state["square"])
        self._generator.set_state(state["generator"])
        self._playback.begin()

    @property
    def _schedule(self) -> float:
        """q_n."""
        return max(self.spec.cooling**self._seen, _COLDEST)

    def _first(self) -> Array:
        return np.full((self.problem.horizon, self.problem.action_size), self.spec.initial_mean)

    def _propose(self) -> Array:
        if self._present is None:
            return self._first()
        std = self.spec.step * math.sqrt(self._schedule)
        return jump(self._present.action_TA, self.spec.components, std, self._generator)

    def _judge(self, trial: Trial) -> bool:
        """Note a result; whether it is where to go on from."""
        self._seen += 1
        before = trial.reward - self._mean
        self._mean += before / self._seen
        self._square += before * (trial.reward - self._mean)
        if trial.beats(self._best):
            self._best = trial
        accepted = self._present is None or self._draw() < acceptance(
            self._gain(trial, self._present), self.spec.temperature * self._schedule
        )
        if accepted:
            self._present = trial
        return accepted

    def _gain(self, trial: Trial, present: Trial) -> float:
        deviation = math.sqrt(self._square / self._seen) or 1.0
        price = self.spec.penalty / self._schedule
        return (trial.reward - present.reward) / deviation - price * (trial.violation - present.violation)

    def _draw(self) -> float:
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))
