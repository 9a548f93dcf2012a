"""Play one episode, whole or up to its last decision.

An episode records the actions as the agent chose them: what the environment makes of them, clipped or lowered to a
budget, is part of the environment, and the gradient of a policy needs what was drawn from it. The agent sees what was
executed in the next observation. An agent with an attribute ``learns_executed = True`` (one that learns from a replay,
as in AMC) gets the executed actions, ``info["action"]``, in its episodes instead.
"""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np

from cpruner.candidate import Candidate
from cpruner.cmdp import Actor, Array, Episode, Step
from cpruner.env import PruningEnv

Played = list[tuple[Array, Array, float, Any, bool]]


def play(
    env: gymnasium.Env[Array, Array],
    agent: Actor,
    *,
    seed: int | None = None,
    options: dict[str, Any] | None = None,
    deterministic: bool = False,
) -> Episode:
    """Play one episode to its end and return it whole.

    Args:
        env: Environment whose ``info["cost"]`` is an array of K costs; costs missing from a step count as zero.
        agent: Who acts.
        seed: Passed to ``env.reset``.
        options: Passed to ``env.reset``; ``{"share": 0.5}`` plays a ``PruningEnv`` for half of all limits.
        deterministic: Let the agent act without exploration.
    """
    agent.begin()
    observation, _ = env.reset(seed=seed, options=options)
    played: Played = []
    done = False
    while not done:
        action = agent.act(observation, deterministic=deterministic)
        following, reward, terminated, truncated, info = env.step(action)
        done = terminated or truncated
        played.append((observation, _recorded(agent, action, info), float(reward), info.get("cost"), done))
        observation = following
    return _episode(played)


@dataclass(frozen=True)
class Decided:
    """An episode whose decisions are all made and whose candidate is not judged yet.

    Args:
        env: A copy of the environment, before its last step.
        played: The steps made.
        observation: What the agent saw last.
        action: What it did then.
        agent: Who acted.
    """

    env: PruningEnv
    played: Played
    observation: Array
    action: Array
    agent: Actor

    @cached_property
    def candidate(self) -> Candidate:
        """What the last step judges. Where budgets are repaired by measurements, they are made here."""
        return self.env.judged_next(self.action)

    @property
    def foreseen_G(self) -> Array:
        """Keep ratios of the candidate, as far as they are known without measurements."""
        return self.env.foreseen_next(self.action)

    def finish(self) -> Episode:
        """Make the last step."""
        _, reward, terminated, truncated, info = copy.copy(self.env).step(self.action)
        action = _recorded(self.agent, self.action, info)
        last = (self.observation, action, float(reward), info["cost"], terminated or truncated)
        return _episode([*self.played, last])


def decide(env: PruningEnv, agent: Actor, *, seed: int | None = None) -> Decided:
    """Play an episode up to its last decision; the agent acts as in ``play``.

    Args:
        env: The environment, which is left as it was.
        agent: Who acts.
        seed: Of what the environment draws; a search that may be resumed gives ``episode_seed``.
    """
    env = copy.copy(env)
    agent.begin()
    observation, _ = env.reset(seed=seed)
    played: Played = []
    while True:
        action = agent.act(observation)
        if len(played) == env.problem.horizon - 1:
            return Decided(env, played, observation, action, agent)
        following, reward, _, _, info = env.step(action)
        played.append((observation, _recorded(agent, action, info), float(reward), info["cost"], False))
        observation = following


def episode_seed(seed: int, number: int) -> int:
    """The seed of one episode of a search, whichever were played before it in the same process.

    Args:
        seed: Of the search.
        number: Of the episode, counted from the beginning of the search.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "little")


def _recorded(agent: Actor, action: Array, info: Mapping[str, Any]) -> Array:
    executed: Array = info.get("action", action)
    return executed if getattr(agent, "learns_executed", False) else action


def _episode(played: Played) -> Episode:
    none = next((np.zeros_like(cost, dtype=np.float64) for *_, cost, _ in played if cost is not None), np.zeros(0))
    return Episode.of(
        [
            Step(seen, action, reward, none if cost is None else np.asarray(cost, dtype=np.float64), over)
            for seen, action, reward, cost, over in played
        ]
    )
