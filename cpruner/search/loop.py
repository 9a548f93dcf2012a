"""The search loop: play episodes, keep every judged candidate, update the agent, write a checkpoint.

The reward comes with the last step, so the agent decides all episodes of an update before any is judged: they are
judged together, several at a time where the judge has workers. The same episodes come of it in the same order.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cpruner.cmdp import Agent, Episode, UpdateStats
from cpruner.env import Judgement, PruningEnv
from cpruner.errors import CheckpointError
from cpruner.search.assistant import Assisting
from cpruner.search.checkpoint import Checkpoint
from cpruner.search.proposals import proposals
from cpruner.search.result import SearchResult, Update, best_feasible
from cpruner.search.rollout import Decided


@dataclass(frozen=True)
class Progress:
    """What a watcher is told after every evaluation."""

    evaluations: int
    total: int
    last: Judgement
    best: Judgement | None
    update: Update | None


@dataclass(frozen=True)
class Saving:
    """Where checkpoints go and what search they belong to.

    Args:
        path: The checkpoint file.
        identity: Anything that must be equal for a resume.
        resume: File of an interrupted search to continue, or None.
    """

    path: Path
    identity: Mapping[str, Any]
    resume: Path | None = None


@dataclass
class _State:
    agent: Mapping[str, Any]  # as it was after the last update
    archive: list[Judgement] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)

    def progress(self, total: int) -> Progress:
        update = self.updates[-1] if self.updates else None
        return Progress(len(self.archive), total, self.archive[-1], best_feasible(self.archive), update)

    def checkpoint(self, saving: Saving) -> Checkpoint:
        return Checkpoint(saving.identity, tuple(self.archive), tuple(self.updates), self.agent)


def search(
    env: PruningEnv,
    agent: Agent,
    evaluations: int,
    *,
    saving: Saving | None = None,
    watch: Callable[[Progress], None] | None = None,
    assisting: Assisting | None = None,
    seed: int = 0,
    record: Callable[[int, Judgement, Episode], None] | None = None,
) -> SearchResult:
    """Search for the best candidate within a number of evaluations.

    Args:
        env: The pruning environment.
        agent: Any agent; it is updated in place.
        evaluations: Episodes to play.
        saving: Checkpoint options; None writes nothing.
        watch: Called after every evaluation.
        assisting: Chooses among proposals which to judge; None judges all. Only for agents that do not care which of
            their proposals are judged.
        seed: Of what the environment draws; the agent has one of its own.
        record: Called with the number of every evaluation, from 1, its judgement and its episode.

    Returns:
        Every judgement and update. The last update is left out when too few evaluations remain for its episodes.

    Raises:
        CheckpointError: The checkpoint to resume belongs to another search.
        CostError: A cost function failed; what was judged before is in the checkpoint.
        WorkerError: Workers died on one candidate again and again; the same.
    """
    state = _resume(env, agent, saving)
    while len(state.archive) < evaluations:
        best = best_feasible(state.archive)
        # a candidate for a tighter budget may be worth judging however far behind the best it is
        env.floor = None if best is None or env.options.tightest < 1.0 else best.score.accuracy
        wanted = min(agent.episodes_per_update, evaluations - len(state.archive))
        decided = proposals(env, agent, wanted, state.archive, assisting, seed)
        candidates = [episode.candidate for episode in decided]  # measures, where budgets are repaired: may fail
        episodes: list[Episode] = []
        try:
            for judgement in env.judge.all(candidates, env.floor):
                episodes.append(decided[len(episodes)].finish())
                state.archive.append(judgement)
                if record is not None:
                    record(len(state.archive), judgement, episodes[-1])
                if watch is not None:
                    watch(state.progress(evaluations))
        except BaseException:
            _keep(env, state, decided[len(episodes) :], saving)
            raise
        if wanted == agent.episodes_per_update:
            state.updates.append(_record(env, episodes, agent.update(episodes), len(state.archive)))
            state.agent = agent.state_dict()
        if saving is not None:
            state.checkpoint(saving).save(saving.path)
    return SearchResult(tuple(state.archive), tuple(state.updates))


def _keep(env: PruningEnv, state: _State, unfinished: Sequence[Decided], saving: Saving | None) -> None:
    """Write down what was judged since the last update, however the batch came to its end."""
    learnt = state.updates[-1].evaluations if state.updates else 0
    state.archive += [env.judge.memo[found.candidate] for found in unfinished if found.candidate in env.judge.memo]
    if saving is not None and len(state.archive) > learnt:
        with suppress(CheckpointError):  # the reason for the end is what the user must see
            state.checkpoint(saving).save(saving.path)


def _resume(env: PruningEnv, agent: Agent, saving: Saving | None) -> _State:
    if saving is None or saving.resume is None:
        return _State(agent.state_dict())
    checkpoint = Checkpoint.load(saving.resume, saving.identity, env.unpack)
    checkpoint.save(saving.path)  # an interruption before the next update must find it there
    agent.load_state_dict(checkpoint.agent)
    for judgement in checkpoint.archive:
        env.judge.remember(judgement)
    learnt = checkpoint.updates[-1].evaluations if checkpoint.updates else 0  # the others are played again, for free
    return _State(checkpoint.agent, list(checkpoint.archive[:learnt]), list(checkpoint.updates))


def _record(env: PruningEnv, episodes: Sequence[Episode], stats: UpdateStats, evaluations: int) -> Update:
    names = env.problem.constraints
    mean_K = np.mean([episode.total_cost_K for episode in episodes], axis=0)
    return Update(
        evaluations=evaluations,
        reward=float(np.mean([episode.total_reward for episode in episodes])),
        costs={name: float(cost) for name, cost in zip(names, mean_K, strict=True)},
        multipliers={name: float(value) for name, value in zip(names, stats.multipliers, strict=False)},
        scalars={name: float(value) for name, value in stats.scalars.items()},
    )
