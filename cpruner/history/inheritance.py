"""Everything a new search takes over from earlier ones, in one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final, runtime_checkable

from cpruner.agent.warm_up import Imitator, Learner
from cpruner.cmdp import Agent, Episode
from cpruner.env import PruningEnv
from cpruner.history.archive import recall
from cpruner.history.history import History
from cpruner.history.lesson import lessons, on_budget, replays
from cpruner.history.run import Run
from cpruner.history.spec import Past
from cpruner.history.transfer import transfer


@runtime_checkable
class Filler(Protocol):
    """An agent that learns from episodes of others."""

    def fill(self, episodes: Sequence[Episode]) -> None:
        """Put stored episodes into the replay."""
        ...


@final
@dataclass(frozen=True)
class Inherited:
    """What was taken over.

    Args:
        judgements: Candidates that will not be judged again.
        imitated: Solutions that the agent has imitated.
        replayed: Episodes in its replay.
        transferred: Whether its policy is that of an earlier search.
    """

    judgements: int = 0
    imitated: int = 0
    replayed: int = 0
    transferred: bool = False


def inherit(history: History | None, run: Run, env: PruningEnv, agent: Agent, past: Past) -> Inherited:
    """Prepare environment and agent before the first episode.

    What an agent cannot use is passed over, except a policy that was asked for by name. The same options on the same
    file give the same agent; what other runs add to the file meanwhile changes it.

    Args:
        history: Earlier runs; None for none.
        run: The one that begins.
        env: Where it searches; its judge is told what is known.
        agent: Fresh; taught in place.
        past: Options.

    Raises:
        CheckpointError: The policy to begin with cannot be read.
        InputError: It does not fit.
    """
    judgements = imitated = replayed = 0
    foreseen = not env.actions.masks  # an episode of masks cannot be played without judging it
    if past.policy is not None:
        transfer(agent, Path(past.policy), env.problem.constraints, past.exploration)
    if history is not None:
        known = recall(history, run, env) if past.judgements or past.replay else ()
        if past.judgements:
            judgements = len(known)
            for judgement in known:
                env.judge.remember(judgement)
        if past.solutions and foreseen and isinstance(agent, Imitator):
            imitated = _imitate(history, run, env, agent, past)
        if past.replay and foreseen and isinstance(agent, Filler):
            episodes = replays(history, run, env, known, most=past.replay)
            replayed = len(episodes)
            agent.fill(episodes)
    return Inherited(judgements, imitated, replayed, past.policy is not None)


def _imitate(history: History, run: Run, env: PruningEnv, agent: Imitator, past: Past) -> int:
    found = lessons(history, run, env, others=past.others).best(past.solutions, past.near)
    if len(found):
        agent.imitate(on_budget(found, env), past.imitation, past.imitation_lr)
        if isinstance(agent, Learner):
            agent.restart(past.exploration)
    return len(found)
