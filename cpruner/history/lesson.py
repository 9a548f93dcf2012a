"""Episodes of earlier runs as episodes of a new one: for other budgets, and for another network.

Axis letters: N episodes, M episodes chosen, S groups there, G groups here, K budgets.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from cpruner.agent.warm_up import lockstep
from cpruner.cmdp import Episode
from cpruner.env import Judgement, PredictedEnv, PruningEnv
from cpruner.env.share import spread
from cpruner.evaluate import worth
from cpruner.history.depth import resampled
from cpruner.history.history import History
from cpruner.history.reward import carried
from cpruner.history.run import Run

Array = NDArray[np.float64]


@final
@dataclass(frozen=True)
class Lessons:
    """What earlier runs have found, in terms of the network at hand.

    Args:
        ratio_NG: Keep ratios.
        reward_N: What they are thought to be paid here.
        cost_NK: Predicted cost over limit here.
        own_N: Whether they come from the same network.
    """

    ratio_NG: Array
    reward_N: Array
    cost_NK: Array
    own_N: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.reward_N)

    def best(self, count: int, near: float) -> "Lessons":
        """The most promising ones.

        Those of the same network go first. Among them those whose tightest cost is within a factor 1 + near of its
        limit, then within its square, and so on: what was best for far other budgets says less about these. Within such
        a band the highest reward goes first.

        Args:
            count: How many, at most.
            near: Width of a band.
        """
        tightest_N = np.maximum(self.cost_NK.max(axis=1, initial=0.0), 1e-9)
        band_N = np.floor(np.abs(np.log(tightest_N)) / math.log(1.0 + near))
        chosen_M = np.lexsort((-self.reward_N, band_N, ~self.own_N))[:count]
        return Lessons(self.ratio_NG[chosen_M], self.reward_N[chosen_M], self.cost_NK[chosen_M], self.own_N[chosen_M])


def lessons(history: History, run: Run, env: PruningEnv, *, others: bool = True) -> Lessons:
    """Every distinct choice of keep ratios that earlier runs have judged to the end.

    Taken are the widths that were judged, not what the agent proposed: where proposals are scaled to the budget, their
    costs are those that the episode must not exceed. Widths of another network are interpolated over the relative
    depth; what they lost against their dense network is taken to be lost here, too.

    Args:
        history: Earlier runs.
        run: The one that begins.
        env: Where it searches.
        others: Whether other networks may teach.
    """
    found: dict[tuple[float, ...], tuple[float, bool]] = {}
    for earlier in history.runs(model=None if others else run.conditions.model):
        own = earlier.conditions.model == run.conditions.model and earlier.plan == run.plan
        judged = list(_carried(history, earlier, run, env.options.reward))
        ratio_NS = earlier.ratios([widths for widths, _ in judged])
        ratio_NG = ratio_NS if own else resampled(ratio_NS, len(run.sizes))
        ratio_NG = np.clip(ratio_NG, env.options.lowest, 1.0)
        for ratio_G, (_, reward) in zip(ratio_NG.tolist(), judged, strict=True):
            known = found.get(tuple(ratio_G))
            if known is None or own > known[1]:
                found[tuple(ratio_G)] = reward, own
    ratio_NG = np.array(list(found), dtype=np.float64).reshape(-1, len(run.sizes))
    return Lessons(
        ratio_NG=ratio_NG,
        reward_N=np.array([reward for reward, _ in found.values()], dtype=np.float64),
        cost_NK=env.observer.predict_of(ratio_NG),
        own_N=np.array([own for _, own in found.values()], dtype=np.bool_),
    )


def on_budget(found: Lessons, env: PruningEnv) -> list[Episode]:
    """Episodes to imitate: the proportions that were found, scaled by one factor each onto the budgets at hand.

    Observations are those of the environment, costs as well (a cost that cannot be counted is taken as proportional to
    FLOPs). Where episodes are played for shares of the limits, these cover all shares. Rewards are those of the lesson,
    so they are exact only where nothing had to be scaled.

    Args:
        found: What to play.
        env: Where.

    Raises:
        InputError: The environment's actions are masks.
    """
    if not len(found):
        return []
    share_N = spread(env.options.tightest, len(found))
    action_NG = env.countable.fit_of(found.ratio_NG, env.options.lowest, share_N)
    return _played(env, action_NG, lambda _: found.reward_N)


def replays(history: History, run: Run, env: PruningEnv, known: Iterable[Judgement], *, most: int) -> list[Episode]:
    """Episodes whose every number is what the environment would give: for the replay of an off-policy agent.

    Proposals of earlier runs, and the widths that these have judged, are proposed again. Where everything the
    environment would judge then was judged before, the rewards are known.

    Args:
        history: Earlier runs.
        run: The one that begins.
        env: Where it searches.
        known: What ``recall`` gave; only candidates with the best-ranked channels count.
        most: How many, at most; the latest ones.

    Raises:
        InputError: The environment's actions are masks.
    """
    reward_of: dict[tuple[int, ...], float] = {}
    for judgement in known:
        value = worth(judgement.score, env.options.reward)
        if value is not None and judgement.candidate.kept == run.kept(judgement.candidate.widths):
            reward_of[judgement.candidate.widths] = value
    if not reward_of:
        return []

    def looked_up(width_NG: NDArray[np.int64]) -> Array:
        return np.array([reward_of.get(tuple(row), math.nan) for row in width_NG.tolist()])

    proposed = dict.fromkeys(map(tuple, [*run.ratios(list(reward_of)).tolist(), *_proposals(history, run)]))
    episodes = _played(env, np.array(list(proposed), dtype=np.float64), looked_up)
    return [episode for episode in episodes if np.isfinite(episode.reward_T).all()][-most:]


def _played(env: PruningEnv, action_NG: Array, predict: Callable[[NDArray[np.int64]], Array]) -> list[Episode]:
    """Episodes with given actions and rewards by widths; nothing is judged."""
    steps = iter(action_NG.T[:, :, None])
    return lockstep(PredictedEnv(env, predict), len(action_NG), lambda _: next(steps))


def _carried(history: History, earlier: Run, run: Run, reward: str) -> Iterator[tuple[tuple[int, ...], float]]:
    """Widths and rewards of an earlier run."""
    for evaluation in history.judged(earlier):
        value = carried(evaluation.score, earlier.dense, run.dense, reward)
        if evaluation.score.complete and value is not None:
            yield evaluation.widths, value


def _proposals(history: History, run: Run) -> Iterator[Sequence[float]]:
    """What agents have proposed for the same network, one action per group."""
    for earlier in history.runs(alike=run.alike):
        for evaluation in history.episodes(earlier):
            episode = evaluation.episode
            if episode is not None and episode.action_TA.shape == (len(run.sizes), 1):
                yield episode.action_TA[:, 0].tolist()
