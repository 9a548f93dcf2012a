"""Baseline: the cross-entropy method over whole action sequences.

Axis letters: N episodes, T steps, A action, K constraints, E elites.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from cpruner.agent.baseline.order import rank
from cpruner.agent.baseline.trial import Trial
from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.spec import check, option


@dataclass(frozen=True)
class CrossEntropy:
    """Constrained cross-entropy method (Wen & Topcu 2018), open loop: it does not look at observations.

    Draw N sequences of T * A actions from a diagonal Gaussian, keep the best, move mean and standard deviation
    towards theirs.
    """

    episodes_per_update: int = option(20, "Sequences drawn per update.", low=2)
    elite_fraction: float = option(
        0.25, "Fraction of the sequences kept as elites; at least two are.", low=0.0, high=1.0
    )
    smoothing: float = option(0.9, "Weight of the elites against the present mean and std.", low=0.0, high=1.0)
    initial_mean: float = option(0.7, "Mean of every action before learning.", low=0.0, high=1.0)
    initial_std: float = option(0.25, "Standard deviation of every action before learning.", low=0.0)
    std_floor: float = option(0.02, "Smallest standard deviation.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> "CrossEntropyAgent":
        """Make the agent; every episode must have ``problem.horizon`` steps."""
        return CrossEntropyAgent(self, problem, seed)


@final
class CrossEntropyAgent:
    """State of :class:`CrossEntropy`: mean and standard deviation of the sequence, both (T, A)."""

    def __init__(self, spec: CrossEntropy, problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        shape = (problem.horizon, problem.action_size)
        self._generator = torch.Generator().manual_seed(seed)
        self._mean_TA: Array = np.full(shape, spec.initial_mean)
        self._std_TA: Array = np.full(shape, spec.initial_std)
        self._steps = 0

    @property
    def episodes_per_update(self) -> int:
        """N."""
        return self.spec.episodes_per_update

    def begin(self) -> None:
        """Back to the first step of the sequence."""
        self._steps = 0

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """Draw the next action of the sequence, clipped to [0, 1]; its mean if ``deterministic``."""
        del observation
        t, self._steps = min(self._steps, self.problem.horizon - 1), self._steps + 1
        if deterministic:
            return np.array(self._mean_TA[t])
        noise_A: Array = torch.randn(self.problem.action_size, generator=self._generator, dtype=torch.float64).numpy()
        return np.asarray(np.clip(self._mean_TA[t] + self._std_TA[t] * noise_A, 0.0, 1.0))

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Move the Gaussian towards the elites.

        Raises:
            InputError: If an episode is not ``problem.horizon`` steps long.
        """
        trials = [Trial.of(episode, self.problem) for episode in episodes]
        violation_N = np.array([trial.violation for trial in trials])
        order_N = rank(np.array([trial.reward for trial in trials]), violation_N)
        elites = max(2, round(self.spec.elite_fraction * len(episodes)))
        action_ETA = np.stack([trials[index].action_TA for index in order_N[:elites]])
        self._mean_TA = self._mix(self._mean_TA, action_ETA.mean(axis=0))
        self._std_TA = np.maximum(self._mix(self._std_TA, action_ETA.std(axis=0)), self.spec.std_floor)
        return UpdateStats(scalars={"feasible": float((violation_N == 0.0).mean()), "std": float(self._std_TA.mean())})

    def state_dict(self) -> dict[str, Any]:
        """Gaussian and generator."""
        return {
            "mean": torch.from_numpy(self._mean_TA.copy()),
            "std": torch.from_numpy(self._std_TA.copy()),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._mean_TA = state["mean"].numpy().copy()
        self._std_TA = state["std"].numpy().copy()
        self._generator.set_state(state["generator"])

    def _mix(self, present_TA: Array, elite_TA: Array) -> Array:
        """Exponential smoothing."""
        return self.spec.smoothing * elite_TA + (1.0 - self.spec.smoothing) * present_TA
