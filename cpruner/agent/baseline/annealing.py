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


@dataclass(frozen=True)
class Annealing:
    initial_mean: float = option(0.7, "Every action of the first sequence.", low=0.0, high=1.0)
    components: int = option(2, "Actions that one move changes.", low=1)
    step: float = option(0.15, "Standard deviation of a move.", low=0.0)
    step_decay: float = option(1.0, "")
    temperature: float = option(0.5, "First temperature, in standard deviations of the rewards seen.", low=0.0)
    cooling: float = option(0.98, "Factor on the temperature after every episode.", low=0.0, high=1.0)
    penalty: float = option(1e9, "")
    growth: float = option(1.0, "")

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> "AnnealingAgent":
        return AnnealingAgent(self, problem, seed)


@final
class AnnealingAgent:
    def __init__(self, spec: Annealing, problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        self._generator = torch.Generator().manual_seed(seed)
        self._playback = Playback()
        self._present: Trial | None = None
        self._best: Trial | None = None
        self._n, self._mean, self._m2 = 0, 0.0, 0.0

    @property
    def episodes_per_update(self) -> int:
        return 1

    def begin(self) -> None:
        self._playback.begin()

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        del observation
        if deterministic:
            return self._playback.show(self._best.action_TA)
        return self._playback.act(self._propose)

    def _propose(self):
        if self._present is None:
            return np.full((self.problem.horizon, self.problem.action_size), self.spec.initial_mean)
        step = max(self.spec.step * self.spec.step_decay**self._n, 0.01)
        return jump(self._present.action_TA, self.spec.components, step, self._generator)

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        for e in episodes:
            t = Trial.of(e, self.problem)
            self._n += 1
            d = t.reward - self._mean
            self._mean += d / self._n
            self._m2 += d * (t.reward - self._mean)
            if t.beats(self._best):
                self._best = t
            unit = math.sqrt(self._m2 / self._n)
            T = self.spec.temperature * self.spec.cooling**self._n * unit
            u = float(torch.rand((), generator=self._generator, dtype=torch.float64))
            if self._present is None:
                self._present = t
                continue
            p = self._present
            if self.spec.penalty > 1e8 and (t.violation > 0 or p.violation > 0):
                ok = t.beats(p)
            else:
                pen = self.spec.penalty * unit / max(self.spec.growth**self._n, 1e-6)
                delta = (t.reward - pen * t.violation) - (p.reward - pen * p.violation)
                ok = delta >= 0 or (T > 0 and u < math.exp(delta / T))
            if ok:
                self._present = t
        return UpdateStats()
