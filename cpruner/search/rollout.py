"""Play one episode."""

from typing import Any

import gymnasium
import numpy as np

from cpruner.cmdp import Agent, Array, Episode, Step


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
    observation, _ = env.reset(seed=seed)
    played: list[tuple[Array, Array, float, Any, bool]] = []
    done = False
    while not done:
        action = agent.act(observation, deterministic=deterministic)
        following, reward, terminated, truncated, info = env.step(action)
        done = terminated or truncated
        played.append((observation, action, float(reward), info.get("cost"), done))
        observation = following
    none = next((np.zeros_like(cost, dtype=np.float64) for *_, cost, _ in played if cost is not None), np.zeros(0))
    return Episode.of(
        [
            Step(seen, action, reward, none if cost is None else np.asarray(cost, dtype=np.float64), over)
            for seen, action, reward, cost, over in played
        ]
    )
