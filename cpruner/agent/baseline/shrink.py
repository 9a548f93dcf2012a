"""Baseline: shrink greedily until every limit is met, then exchange.

Axis letters: D = T * A components of a sequence (T steps, A action), K constraints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from cpruner.agent.baseline.move import jump
from cpruner.agent.baseline.playback import Playback
from cpruner.agent.baseline.saving import cheapest
from cpruner.agent.baseline.secant import affordable, secant
from cpruner.agent.baseline.trial import Trial
from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.spec import check, option

_OVER = 0.02  # how far below a limit to aim, in amounts of a round: slopes are only learnt
_LITTLE = 0.25  # an excess below this part of an amount is not worth a round: all components shrink alike
_SPENT = 0.99  # part of what a raise may cost that is spent


@dataclass(frozen=True)
class Shrink:
    """Greedy shrinking as in NetAdapt (Yang et al. 2018, algorithm 1), open loop: it does not look at observations.

    Begin with all actions 1. In every round lower each component in turn, alone, by what takes the round's amount off
    the first violated cost, and keep the one that loses the least reward. What lowering a component saves is learnt
    from the episodes by secants, so a round takes one episode per component and no more. Where no single component
    can give the whole amount, the best ones that together do are kept. When all limits are met: lower one component,
    raise another by what that affords, keep the better of the two sequences, and so on.
    """

    episodes: int = option(
        100, "Episodes that shrinking takes, about; it has episodes / (T A + 1) rounds, at least one.", low=1
    )
    lowest: float = option(0.1, "Smallest action.", low=0.0, high=1.0)
    largest_cut: float = option(0.5, "Largest part of an action taken away in one round.", low=0.0, high=1.0)
    step: float = option(0.15, "Mean size of the larger of the two moves of an exchange.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, problem: Problem, seed: int) -> "ShrinkAgent":
        """Make the agent; every episode must have ``problem.horizon`` steps."""
        return ShrinkAgent(self, problem, seed)


@final
class ShrinkAgent:
    """State of :class:`Shrink`: the sequence kept, what this round has found, and the slopes of the costs.

    It is in one of three stages. ``measure``: the next episode plays ``target``, which is then kept. ``round``: it
    plays the kept sequence with component ``queue[0]`` lowered. ``exchange``: with one lowered and one raised.
    """

    def __init__(self, spec: Shrink, problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        self._shape = (problem.horizon, problem.action_size)
        self._size = problem.horizon * problem.action_size
        self._limit_K: Array = np.array(problem.limits, dtype=np.float64)
        self._generator = torch.Generator().manual_seed(seed)
        self._playback = Playback()
        self._stage = "measure"
        self._target_D: Array = np.ones(self._size)
        self._kept: Trial | None = None
        self._queue: list[int] = []
        self._found: list[Trial] = []
        self._slope_KD: Array = np.zeros((len(problem.limits), self._size))
        self._amount_K: Array = np.zeros(len(problem.limits))

    @property
    def episodes_per_update(self) -> int:
        """One; every proposal builds on the last result."""
        return 1

    def begin(self) -> None:
        """Back to the first step of a sequence."""
        self._playback.begin()

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The next action of a proposal, in [0, 1]; of the sequence kept if ``deterministic``."""
        del observation
        if deterministic:
            kept_D = self._target_D if self._kept is None else self._kept.action_TA
            return self._playback.show(kept_D.reshape(self._shape))
        return self._playback.act(lambda: self._proposal().reshape(self._shape))

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Learn the slopes, and go on to the next proposal.

        Raises:
            InputError: If an episode is not ``problem.horizon`` steps long.
        """
        for episode in episodes:
            trial = Trial.of(episode, self.problem)
            kept = self._kept or self._first(trial)
            moved_D = (trial.action_TA - kept.action_TA).flatten()
            self._slope_KD = secant(self._slope_KD, moved_D, trial.cost_K - kept.cost_K)
            if self._stage == "round":
                self._collect(kept, trial)
            elif self._stage == "measure" or trial.beats(kept):
                self._keep(trial)
        exchanging = float(self._stage == "exchange")
        return UpdateStats(scalars={"exchanging": exchanging, "kept": self._kept.reward if self._kept else 0.0})

    def state_dict(self) -> dict[str, Any]:
        """Stage, sequences with their results, slopes and generator."""
        return {
            "stage": self._stage,
            "target": torch.from_numpy(self._target_D.copy()),
            "kept": [] if self._kept is None else [self._kept.state_dict()],
            "queue": list(self._queue),
            "found": [trial.state_dict() for trial in self._found],
            "slope": torch.from_numpy(self._slope_KD.copy()),
            "amount": torch.from_numpy(self._amount_K.copy()),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``, at the beginning of an episode."""
        self._stage, self._queue = str(state["stage"]), [int(index) for index in state["queue"]]
        self._target_D = state["target"].numpy().copy()
        self._kept = next((Trial.from_state(kept) for kept in state["kept"]), None)
        self._found = [Trial.from_state(found) for found in state["found"]]
        self._slope_KD, self._amount_K = state["slope"].numpy().copy(), state["amount"].numpy().copy()
        self._generator.set_state(state["generator"])
        self._playback.begin()

    def _proposal(self) -> Array:
        if self._stage == "measure" or self._kept is None:
            return self._target_D
        return self._lowered(self._kept, self._queue[0]) if self._stage == "round" else self._exchanged(self._kept)

    def _first(self, trial: Trial) -> Trial:
        """What the first episode says about costs."""
        # Every width shows twice in a network, as the output of one layer and the input of the next.
        self._slope_KD = np.tile(2.0 * trial.cost_K[:, None] / self._size, self._size)
        rounds = max(1, round(self.spec.episodes / (self._size + 1)))
        self._amount_K = np.maximum(trial.cost_K - self._limit_K, 0.0) / rounds
        return trial

    def _excess(self, kept: Trial) -> tuple[int, float]:
        """The first violated constraint and J_k - d_k; 0 and 0 if there is none."""
        return next(((k, float(g)) for k, g in enumerate(kept.cost_K - self._limit_K) if g > 0.0), (0, 0.0))

    def _wanted(self, kept: Trial) -> tuple[int, float]:
        """The first violated constraint and what to take off its cost in this round."""
        k, excess = self._excess(kept)
        amount = float(self._amount_K[k]) or excess
        return k, min(amount, excess) + _OVER * amount

    def _keep(self, trial: Trial) -> None:
        """Go on from a sequence."""
        self._kept, self._found, self._queue, self._stage = trial, [], [], "exchange"
        action_D, (k, excess) = trial.action_TA.flatten(), self._excess(trial)
        high_D = action_D > self.spec.lowest
        if excess == 0.0 or not high_D.any():
            return
        if excess >= _LITTLE * self._amount_K[k]:
            useful_D = high_D & (self._slope_KD[k] > 0.0)
            self._stage, self._queue = "round", np.flatnonzero(useful_D if useful_D.any() else high_D).tolist()
            return
        whole, amount = float(self._slope_KD[k] @ action_D), excess + _OVER * float(self._amount_K[k])
        cut = amount / whole if amount < self.spec.largest_cut * whole else self.spec.largest_cut
        self._stage, self._target_D = "measure", np.maximum((1.0 - cut) * action_D, self.spec.lowest)

    def _lowered(self, kept: Trial, component: int) -> Array:
        """One component lower by what takes the round's amount off the cost."""
        k, wanted = self._wanted(kept)
        action_D = kept.action_TA.flatten()
        old, slope = float(action_D[component]), float(self._slope_KD[k, component])
        lowest = max(self.spec.lowest, (1.0 - self.spec.largest_cut) * old)
        action_D[component] = max(lowest, old - wanted / slope) if slope > 0.0 else lowest
        return action_D

    def _collect(self, kept: Trial, trial: Trial) -> None:
        """Note what lowering one component did; after the last, keep the best, or the best ones together."""
        self._found, self._queue = [*self._found, trial], self._queue[1:]
        if self._queue:
            return
        chosen = cheapest(kept, self._found, *self._wanted(kept))
        if len(chosen) == 1:
            self._keep(chosen[0])
        else:
            self._stage, self._target_D = "measure", np.min([found.action_TA.flatten() for found in chosen], axis=0)

    def _exchanged(self, kept: Trial) -> Array:
        """One component lower, another higher by what that affords and what was left over."""
        action_D, lowest = kept.action_TA.flatten(), self.spec.lowest
        order = torch.randperm(self._size, generator=self._generator).tolist()
        size = 2.0 * self.spec.step * float(torch.rand((), generator=self._generator, dtype=torch.float64))
        pairs = ((d, u) for d in order if action_D[d] > lowest for u in order if u != d and action_D[u] < 1.0)
        down, up = next(pairs, (None, None))
        if down is None or up is None:  # all at 1, all at the lowest, or a single component
            return np.maximum(jump(action_D, 2, self.spec.step, self._generator), lowest)
        slope_K, other_K = self._slope_KD[:, down], self._slope_KD[:, up]
        fall = min(size / max(affordable(other_K, slope_K), 1.0), float(action_D[down]) - lowest)
        rise = min(size, _SPENT * affordable(other_K, self._limit_K - kept.cost_K + fall * slope_K))
        action_D[down] = max(action_D[down] - fall, lowest)
        action_D[up] = np.clip(action_D[up] + rise, lowest, 1.0)
        return action_D
