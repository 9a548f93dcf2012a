"""Play one episode, whole or up to its last decision."""

import copy
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from cpruner.candidate import Candidate
from cpruner.cmdp import Agent, Array, Episode, Step
from cpruner.env import PruningEnv

Played = list[tuple[Array, Array, float, Any, bool]]


def play(
    env: gymnasium.Env[Array, Array], agent: Agent, *, seed: int | None = None, deterministic: bool = False
) -> Episode:
    """Play one episode to its end and return it whole.

    The episode records the actions as the agent chose them; the environment may have clipped them.

    Args:
        env: Environment whose ``info["cost"]`` is an array of K costs; costs missing from a step count as zero.
        agent: Who acts.
        seed: Passed to ``env.reset``.
        deterministic: Let the agent act without exploration.
    """
    agent.begin()
    observation, _ = env.reset(seed=seed)
    played: Played = []
    done = False
    while not done:
        action = agent.act(observation, deterministic=deterministic)
        following, reward, terminated, truncated, info = env.step(action)
        done = terminated or truncated
        played.append((observation, action, float(reward), info.get("cost"), done))
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
        candidate: What the last step judges.
    """

    env: PruningEnv
    played: Played
    observation: Array
    action: Array
    candidate: Candidate

    def finish(self) -> Episode:
        """Make the last step."""
        _, reward, terminated, truncated, info = self.env.step(self.action)
        last = (self.observation, self.action, float(reward), info["cost"], terminated or truncated)
        return _episode([*self.played, last])


def decide(env: PruningEnv, agent: Agent) -> Decided:
    """Play an episode up to its last decision; the agent acts as in ``play``."""
    env = copy.copy(env)
    agent.begin()
    observation, _ = env.reset()
    played: Played = []
    while True:
        action = agent.act(observation)
        if len(played) == env.problem.horizon - 1:
            return Decided(env, played, observation, action, env.judged_next(action))
        following, reward, _, _, info = env.step(action)
        played.append((observation, action, float(reward), info["cost"], False))
        observation = following


def _episode(played: Played) -> Episode:
    none = next((np.zeros_like(cost, dtype=np.float64) for *_, cost, _ in played if cost is not None), np.zeros(0))
    return Episode.of(
        [
            Step(seen, action, reward, none if cost is None else np.asarray(cost, dtype=np.float64), over)
            for seen, action, reward, cost, over in played
        ]
    )
