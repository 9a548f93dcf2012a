"""The constrained MDP of pruning: one step per group in network order, one judgement at the end."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from cpruner.candidate import Candidate
from cpruner.cmdp import Problem
from cpruner.constraint import Reading
from cpruner.env.judge import Judge, Judgement
from cpruner.env.observation import Observer
from cpruner.env.projection import Countable
from cpruner.env.record import unpack
from cpruner.env.spec import PruningProblem
from cpruner.errors import InputError
from cpruner.space import PruningSpace

Array = NDArray[np.float64]

_MOST = 100.0  # nats; a network that has come apart may lose any number of them


class PruningEnv(gymnasium.Env[Array, Array]):
    """Decide the keep ratio of one group per step; the last step judges the network.

    Reward: 0, and at the last step the score of the judged candidate (paper 1's end-of-episode reward). Costs
    (``info["cost"]``, shape (K,)): 0, and at the last step every cost over its limit, so every limit of the problem
    is 1. Countable costs are those of the *proposal*, exact and free; the others are those measured on the judged
    candidate. ``info["judgement"]`` holds the judgement.

    Args:
        space: The pruning space; widths are filled with its ranking.
        judge: Judges candidates.
        dense: Readings of the dense network, one per budget.
        spec: Options.

    Attributes:
        floor: Accuracy of the best feasible candidate so far, for ``Judge``; the search sets it before every update.
    """

    def __init__(self, space: PruningSpace, judge: Judge, dense: Sequence[Reading], spec: PruningProblem) -> None:
        self.space, self.judge, self.options = space, judge, spec
        counted = {reading.name: budget.cost.counted for reading, budget in zip(dense, judge.budgets, strict=True)}
        self.observer = Observer(space, tuple(dense), counted, spec.lowest)
        limits = tuple((name, r.limit) for r in dense if (name := counted[r.name]) is not None)
        self.countable = Countable(space, limits)
        self.problem = Problem(
            observation_size=self.observer.size,
            action_size=1,
            horizon=len(space.groups),
            constraints=tuple(reading.name for reading in dense),
            limits=(1.0,) * len(dense),
        )
        self.observation_space = Box(-1.0, 20.0, (self.observer.size,), np.float64)
        self.action_space = Box(0.0, 1.0, (1,), np.float64)
        self.floor: float | None = None
        self._decided: list[float] = []
        self._judged: Judgement | None = None
        self._proposed: tuple[list[float], Candidate] | None = None

    @property
    def judged(self) -> Judgement:
        """The judgement of the last finished episode."""
        assert self._judged is not None, "no episode has finished yet"  # noqa: S101 - our own invariant
        return self._judged

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start with nothing decided; the environment itself draws no random numbers."""
        super().reset(seed=seed, options=options)
        self._decided = []
        return self.observer.observe(self._decided), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Decide the next group; actions outside [0, 1] are clipped, and raised to ``spec.lowest``."""
        self._decided = [*self._decided, self._ratio(action)]  # a copy of this environment keeps its own
        observation = self.observer.observe(self._decided)
        if len(self._decided) < len(self.space.groups):
            return observation, 0.0, False, False, {"cost": np.zeros(len(self.problem.constraints))}
        judgement = self._judged = self.judge(self._candidate(self._decided), self.floor)
        info = {"cost": self._costs(judgement), "judgement": judgement}
        return observation, self._reward(judgement), True, False, info

    def judged_next(self, action: Array) -> Candidate:
        """The candidate that the last step will judge if it is this action."""
        return self._candidate([*self._decided, self._ratio(action)])

    def keep_ratios(self, proposal: Sequence[float]) -> list[float]:
        """The keep ratios that are judged for a proposal."""
        ratios: list[float] = self.keep_ratios_of(np.array([proposal], dtype=np.float64))[0].tolist()
        return ratios

    def keep_ratios_of(self, proposal_NG: Array) -> Array:
        """The same for N proposals at once, shape (N, G)."""
        if self.options.feasibility == "scaled":
            return self.countable.fit_of(proposal_NG, self.options.lowest)
        return proposal_NG

    def unpack(self, record: Mapping[str, Any]) -> Judgement:
        """A judgement of this environment's network from plain data (see ``pack``)."""
        return unpack(record, self.space.plan)

    def _ratio(self, action: Array) -> float:
        ratio = float(np.clip(np.asarray(action, dtype=np.float64).reshape(-1)[0], self.options.lowest, 1.0))
        if math.isnan(ratio):
            group = self.space.groups[len(self._decided)].name
            raise InputError(
                f"keep ratio of '{group}'", expected="a number in [0, 1]", got=ratio, remedy="Check the agent."
            )
        return ratio

    def _candidate(self, proposal: list[float]) -> Candidate:
        """What is judged for a proposal; the last one is remembered, as scaling takes longer than a step."""
        if self._proposed is None or self._proposed[0] != proposal:
            self._proposed = proposal, self.space.at(self.keep_ratios(proposal))
        return self._proposed[1]

    def _reward(self, judgement: Judgement) -> float:
        score = judgement.score
        if self.options.reward == "accuracy":
            return score.accuracy
        paid = score.loss if self.options.reward == "loss" else score.divergence
        if paid is None:
            raise InputError(
                "PruningProblem.reward",
                expected="search images in the same order in every pass, to compare with the dense network's answers",
                got="another order, or no answers",
                remedy="Use a loader that does not shuffle, raise judging.memory, or choose another reward.",
            )
        return -min(paid, _MOST)

    def _costs(self, judgement: Judgement) -> Array:
        predicted_K = self.observer.predict(self._decided)
        counted = [self.observer.counted[name] is not None for name in self.problem.constraints]
        measured_K = np.array([reading.scaled for reading in judgement.readings], dtype=np.float64)
        return np.where(counted, predicted_K, measured_K)
