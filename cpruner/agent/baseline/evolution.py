"""Baseline: covariance matrix adaptation over whole action sequences.

Axis letters: G generations, N episodes, T steps, A action, D = T * A components.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from cmaes import CMA

from cpruner.agent.baseline.order import rank
from cpruner.agent.baseline.playback import Playback
from cpruner.agent.baseline.trial import Trial
from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.errors import InputError
from cpruner.spec import check, option


@dataclass(frozen=True)
class CMAES:
    """CMA-ES (Hansen 2016, arXiv 1604.00772), open loop: it does not look at observations.

    Draw N sequences of T * A actions from a Gaussian with full covariance, order them by :func:`rank` (feasible ones
    by reward, then the others by violation) and let the library ``cmaes`` adapt mean, step size and covariance. It
    only ever compares, so the position in this order is the value it is told.
    """

    episodes_per_update: int | None = option(
        None, "Sequences drawn per generation; None for the usual 4 + floor(3 ln(T A)).", low=4
    )
    initial_mean: float = option(0.7, "Mean of every action before learning.", low=0.0, high=1.0)
    initial_std: float = option(0.2, "Standard deviation of every action before learning.", low=1e-6)

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> "CMAESAgent":
        """Make the agent; every episode must have ``problem.horizon`` steps."""
        return CMAESAgent(self, problem, seed)


@final
class CMAESAgent:
    """State of :class:`CMAES`: all generations told so far.

    The library has no way to write its state down but pickle, so the generations are kept and told again when a state
    is loaded. Every generation is drawn with a seed of its own, so nothing has to be drawn again.
    """

    def __init__(self, spec: CMAES, problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        self._playback = Playback()
        self._seed = seed
        self._start()

    @property
    def episodes_per_update(self) -> int:
        """N."""
        return int(self._cma.population_size)

    def begin(self) -> None:
        """Back to the first step; the next sequence is drawn when it is asked for."""
        self._playback.begin()

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The next action of a drawn sequence, in [0, 1]; of the mean if ``deterministic``."""
        del observation
        return self._playback.show(self._mean_TA) if deterministic else self._playback.act(self._ask)

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Tell one generation.

        Raises:
            InputError: If there are not N episodes, or one is not ``problem.horizon`` steps long.
        """
        if len(episodes) != self.episodes_per_update:
            raise InputError(
                "CMAES: episodes of an update",
                expected=f"{self.episodes_per_update}",
                got=len(episodes),
                remedy="Play as many as episodes_per_update says.",
            )
        trials = [Trial.of(episode, self.problem) for episode in episodes]
        violation_N = np.array([trial.violation for trial in trials])
        order_N = rank(np.array([trial.reward for trial in trials]), violation_N)
        action_ND = np.stack([trials[index].action_TA.flatten() for index in order_N])
        self._tell(action_ND)
        feasible, std = float((violation_N == 0.0).mean()), float(action_ND.std(axis=0).mean())
        return UpdateStats(scalars={"feasible": feasible, "std": std})

    def state_dict(self) -> dict[str, Any]:
        """Seed, sequences of every generation, best first, and how many of the present one are drawn."""
        return {
            "seed": self._seed,
            "told": [torch.from_numpy(action_ND.copy()) for action_ND in self._told_GND],
            "asked": self._asked,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``, at the beginning of an episode."""
        self._seed = int(state["seed"])
        self._start()
        for action_ND in state["told"]:
            self._tell(action_ND.numpy().copy())
        for _ in range(int(state["asked"])):
            self._ask()

    @property
    def _mean_TA(self) -> Array:
        shape = (self.problem.horizon, self.problem.action_size)
        return np.array(self._cma.mean, dtype=np.float64).reshape(shape)

    def _start(self) -> None:
        """No generation told."""
        size = self.problem.horizon * self.problem.action_size
        self._told_GND: list[Array] = []
        self._cma = CMA(
            mean=np.full(size, self.spec.initial_mean),
            sigma=self.spec.initial_std,
            bounds=np.tile([0.0, 1.0], (size, 1)),
            n_max_resampling=0,  # clip at once: drawing again until all components are inside pulls them to the middle
            population_size=self.spec.episodes_per_update,
        )
        self._reseed()

    def _reseed(self) -> None:
        """The seed of the present generation."""
        self._asked = 0
        drawn = np.random.SeedSequence((self._seed, len(self._told_GND))).generate_state(1)
        self._cma.reseed_rng(int(drawn[0]))

    def _ask(self) -> Array:
        """Draw a sequence."""
        self._asked += 1
        return np.array(self._cma.ask(), dtype=np.float64).reshape(self._mean_TA.shape)

    def _tell(self, action_ND: Array) -> None:
        """Tell a generation, best first."""
        self._cma.tell([(action_D, float(value)) for value, action_D in enumerate(action_ND)])
        self._told_GND.append(action_ND)
        self._reseed()
