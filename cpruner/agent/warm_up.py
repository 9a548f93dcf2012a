"""Learning before anything real is played: from given solutions, and by practice where episodes cost nothing.

Axis letters: N episodes, T steps, O observation, A action, K constraints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, final, runtime_checkable

import numpy as np

from cpruner.cmdp import Array, BatchEnv, Episode, UpdateStats
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class WarmUp:
    """How an agent is prepared on predicted rewards."""

    enabled: bool = option(True, "Prepare the agent at all.")
    imitation: int = option(300, "Gradient steps that make given solutions likely; 0 for none.", low=0)
    imitation_lr: float = option(0.003, "Step size of Adam for them.", low=0.0)
    updates: int = option(0, "Updates on episodes with predicted rewards; 0 for none.", low=0)
    episodes: int = option(64, "Episodes per such update.", low=2)
    exploration: float = option(0.5, "Share of the initial exploration that is left afterwards.", low=0.0, high=1.0)

    def __post_init__(self) -> None:
        check(self)


@runtime_checkable
class Imitator(Protocol):
    """An agent that can be shown how."""

    def imitate(self, episodes: Sequence[Episode], steps: int, lr: float) -> float:
        """Make the actions of given episodes likely."""
        ...


@runtime_checkable
class Learner(Protocol):
    """An agent that can practise: it acts in many episodes at once, and it does not matter to it which are judged."""

    def begin(self) -> None:
        """Episodes begin."""
        ...

    def act_all(self, observation_NO: Array, *, deterministic: bool = False) -> Array:
        """Actions (N, A) in N episodes that run in lockstep."""
        ...

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Learn from whole episodes."""
        ...

    def restart(self, exploration: float) -> None:
        """Keep what was learned, forget what was played."""
        ...


def warm_up(agent: object, env: BatchEnv, spec: WarmUp, solutions_NTA: Array) -> list[UpdateStats]:
    """Imitate solutions, then practise, as far as the agent can.

    Args:
        agent: Learns if it is an :class:`Imitator`, or a :class:`Learner`.
        env: Episodes with predicted rewards.
        spec: How long.
        solutions_NTA: Actions of good episodes, (N, T, A); N may be 0.

    Returns:
        The statistics of the updates.
    """
    if isinstance(agent, Imitator) and spec.imitation > 0 and len(solutions_NTA):
        steps = iter(np.moveaxis(solutions_NTA, 1, 0))
        agent.imitate(lockstep(env, len(solutions_NTA), lambda _: next(steps)), spec.imitation, spec.imitation_lr)
    stats: list[UpdateStats] = []
    if not isinstance(agent, Learner):
        return stats
    for _ in range(spec.updates):
        agent.begin()
        stats.append(agent.update(lockstep(env, spec.episodes, agent.act_all)))
    agent.restart(spec.exploration)
    return stats


def lockstep(env: BatchEnv, episodes: int, act: Callable[[Array], Array]) -> list[Episode]:
    """Play N episodes side by side.

    Args:
        env: Poses them.
        episodes: N.
        act: From observations (N, O) to actions (N, A).
    """
    observation_NO, done = env.reset(episodes), False
    played: list[tuple[Array, Array, Array, Array]] = []
    while not done:
        action_NA = act(observation_NO)
        following_NO, reward_N, cost_NK, done = env.step(action_NA)
        played.append((observation_NO, action_NA, reward_N, cost_NK))
        observation_NO = following_NO
    columns = [np.stack(column, axis=1) for column in zip(*played, strict=True)]
    return [Episode(*(column[number] for column in columns)) for number in range(episodes)]
