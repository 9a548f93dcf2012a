"""The constrained MDP of pruning: one step per group in network order, one judgement at the end."""

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from cpruner.candidate import Candidate
from cpruner.cmdp import Problem
from cpruner.constraint import Reading
from cpruner.env.action import Actions
from cpruner.env.clipping import Clipped
from cpruner.env.feasibility import feasibility
from cpruner.env.judge import Judge, Judgement
from cpruner.env.mask import Orders, candidate
from cpruner.env.measuring import Measured
from cpruner.env.observation import Observer, Predicted
from cpruner.env.projection import Countable
from cpruner.env.record import unpack
from cpruner.env.share import check_share, draw
from cpruner.env.spec import PruningProblem
from cpruner.errors import InputError
from cpruner.evaluate import worth
from cpruner.space import PruningSpace

Array = NDArray[np.float64]


class PruningEnv(gymnasium.Env[Array, Array]):
    """Decide the keep ratio of one group per step; the last step judges the network.

    Reward: 0, and at the last step the score of the judged candidate (paper 1's end-of-episode reward). Costs
    (``info["cost"]``, shape (K,)): 0, and at the last step every cost over its limit, so every limit of the problem
    is 1. Countable costs are those of the *proposal*, exact and free; the others are those measured on the judged
    candidate. ``info["judgement"]`` holds the judgement, ``info["action"]`` the action that was executed: clipped,
    snapped or lowered. docs/environment.md has the table of all options.

    Args:
        space: The pruning space; widths are filled with its ranking.
        judge: Judges candidates.
        dense: Readings of the dense network, one per budget.
        spec: Options.
        predicted: From widths (N, G) to the predicted logarithm of the loss (N,), for the observation; None shows none.

    Attributes:
        floor: Accuracy of the best feasible candidate so far, for ``Judge``; the search sets it before every update.
        share: What all limits are multiplied by in this episode. Judgements know the true limits only.

    Raises:
        InputError: The narrowest network exceeds the tightest budget that may be drawn.
    """

    def __init__(
        self,
        space: PruningSpace,
        judge: Judge,
        dense: Sequence[Reading],
        spec: PruningProblem,
        predicted: Predicted | None = None,
    ) -> None:
        self.space, self.judge, self.options = space, judge, spec
        counted = {reading.name: budget.cost.counted for reading, budget in zip(dense, judge.budgets, strict=True)}
        self.observer = Observer(
            space, tuple(dense), counted, spec.lowest, spec.tightest < 1.0, predicted if spec.sensitivities else None
        )
        limits = tuple((name, r.limit) for r in dense if (name := counted[r.name]) is not None)
        self.countable = Countable(space, limits)
        check_share(self.countable, spec.tightest)
        self.actions = Actions.of(spec, space)
        self.problem = Problem(
            observation_size=self.observer.size,
            action_size=self.actions.size,
            horizon=len(space.groups),
            constraints=tuple(reading.name for reading in dense),
            limits=(1.0,) * len(dense),
        )
        self.observation_space = Box(-1.0, 20.0, (self.observer.size,), np.float64)
        self.action_space = Box(0.0, 1.0, (self.actions.size,), np.float64)
        self.floor: float | None = None
        self.share = 1.0
        self._rule = feasibility(spec, self.countable, self.observer)
        measured = spec.feasibility == "repaired" and None in counted.values()
        self._measured = Measured(self.countable, judge, spec.lowest, spec.measurements) if measured else None
        self._decided: list[float] = []
        self._orders: Orders = ()
        self._paid = 0.0
        self._judged: Judgement | None = None
        self._proposed: tuple[tuple[list[float], Orders, float], Candidate] | None = None

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Budgets that no rule makes proposals meet before they are judged: the measured ones, unless repaired."""
        names = (name for name, counted in self.observer.counted.items() if counted is None)
        return tuple(names) if self._measured is None else ()

    @property
    def judged(self) -> Judgement:
        """The judgement of the last finished episode."""
        assert self._judged is not None, "no episode has finished yet"  # noqa: S101 - our own invariant
        return self._judged

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start with nothing decided.

        Args:
            seed: Of the draw of the budgets, the only thing that is random; one seed, one budget.
            options: ``{"share": s}`` plays for all limits times s instead of a drawn budget.
        """
        super().reset(seed=seed, options=options)
        asked = (options or {}).get("share")
        self.share = draw(self.options.tightest, self.np_random) if asked is None else float(asked)
        check_share(self.countable, self.share)
        self._decided, self._orders, self._paid = [], (), 0.0
        return self.observer.observe(self._decided, self.share), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Decide the next group; actions outside [0, 1] are clipped, and raised to ``spec.lowest``."""
        step = len(self._decided)
        decided, orders = self._next(action)
        self._decided, self._orders = decided, orders  # new lists: a copy of this environment keeps its own
        observation = self.observer.observe(self._decided, self.share)
        info: dict[str, Any] = {"action": self.actions.executed(decided[-1], orders[-1], step)}
        rest = len(self.space.groups) - len(decided)
        if rest:
            info["cost"] = np.zeros(len(self.problem.constraints))
            if self.options.pays == "end":
                return observation, 0.0, False, False, info
            stage = self.judge(candidate(self.space, [*decided, *[1.0] * rest], orders))
            return observation, self._reward(stage), False, False, info
        judgement = self._judged = self.judge(self._candidate(decided, orders), self.floor)
        info |= {"cost": self._costs(judgement), "judgement": judgement}
        return observation, self._reward(judgement), True, False, info

    def judged_next(self, action: Array) -> Candidate:
        """The candidate that the last step will judge if it is this action."""
        return self._candidate(*self._next(action))

    def foreseen_next(self, action: Array) -> Array:
        """Keep ratios (G,) of that candidate, foreseen where measurements would have to decide (``keep_ratios_of``)."""
        decided, _ = self._next(action)
        return np.asarray(self.keep_ratios_of(np.array([decided]), np.full(1, self.share))[0])

    def foreseen_of(self, action_NT: Array, share_N: Array | None = None) -> Array:
        """Keep ratios (N, G) that are judged when N episodes play whole sequences of actions; nothing is measured.

        Args:
            action_NT: Keep ratios or levels, no masks.
            share_N: Shares of the limits; None is 1 for all.
        """
        decided_NT = np.zeros((len(action_NT), 0))
        for action_N in action_NT.T:
            executed_N = self.lower(decided_NT, self.actions.ratios_of(action_N), share_N)
            decided_NT = np.concatenate([decided_NT, executed_N[:, None]], axis=1)
        return self.keep_ratios_of(decided_NT, share_N)

    def keep_ratios(self, proposal: Sequence[float], orders: Orders = ()) -> list[float]:
        """The keep ratios that are judged for a proposal, within the limits of this episode.

        Args:
            proposal: One keep ratio per group.
            orders: Of the units, where measurements decide about masks.
        """
        proposal_G = np.array(proposal, dtype=np.float64)
        if self._measured is None:
            return [float(ratio) for ratio in self.keep_ratios_of(proposal_G[None], np.full(1, self.share))[0]]
        made_G = self._measured.fit(
            proposal_G, self.share, lambda ratio_G: candidate(self.space, list(ratio_G), orders)
        )
        return [float(ratio) for ratio in made_G]

    def keep_ratios_of(self, proposal_NG: Array, share_N: Array | None = None) -> Array:
        """The same for N proposals and shares of the limits at once, shape (N, G); None is 1 for all.

        Nothing is measured: costs that cannot be counted are taken as proportional to FLOPs.
        """
        return self._rule.settle(proposal_NG, share_N)

    def lower(self, decided_NT: Array, wanted_N: Array, share_N: Array | None = None) -> Array:
        """What becomes of the next keep ratio of N episodes before it is executed."""
        return self._rule.lower(decided_NT, wanted_N, share_N) if isinstance(self._rule, Clipped) else wanted_N

    def unpack(self, record: Mapping[str, Any]) -> Judgement:
        """A judgement of this environment's network from plain data (see ``pack``)."""
        return unpack(record, self.space.plan)

    def _next(self, action: Array) -> tuple[list[float], Orders]:
        """Everything decided once this action is executed."""
        ratio, order = self.actions.read(action, len(self._decided))
        decided_1T = np.array([self._decided], dtype=np.float64).reshape(1, -1)
        executed = self.lower(decided_1T, np.array([ratio]), np.full(1, self.share))[0]
        return [*self._decided, float(executed)], (*self._orders, order)

    def _candidate(self, proposal: list[float], orders: Orders) -> Candidate:
        """What is judged for a proposal; the last one is remembered, as scaling takes longer than a step."""
        key = proposal, orders, self.share
        if self._proposed is None or self._proposed[0] != key:
            ratios = self.keep_ratios(proposal, orders) if self.actions.masks else self.keep_ratios(proposal)
            self._proposed = key, candidate(self.space, ratios, orders)
        return self._proposed[1]

    def _reward(self, judgement: Judgement) -> float:
        """The score, or what it has changed since the last step that paid."""
        score = self.score(judgement)
        change, self._paid = score - self._paid, score
        return change if self.options.pays == "every" else score

    def score(self, judgement: Judgement) -> float:
        """What a judged candidate is worth: the sum of the rewards of the episode that ends with it.

        Raises:
            InputError: The answers of the dense network are asked for and not known.
        """
        paid = worth(judgement.score, self.options.reward)
        if paid is None:
            raise InputError(
                "PruningProblem.reward",
                expected="search images in the same order in every pass, to compare with the dense network's answers",
                got="another order, or no answers",
                remedy="Use a loader that does not shuffle, raise judging.memory, or choose another reward.",
            )
        return paid

    def _costs(self, judgement: Judgement) -> Array:
        judged_K = np.array([reading.scaled for reading in judgement.readings], dtype=np.float64) / self.share
        if self.options.charged == "judged":
            return judged_K
        counted = [self.observer.counted[name] is not None for name in self.problem.constraints]
        return np.where(counted, self.observer.predict(self._decided, self.share), judged_K)
