"""A sequence of actions that was played, and what came of it.

Axis letters: T steps, A action, K constraints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from cpruner.agent.baseline.order import violation
from cpruner.cmdp import Array, Episode, Problem
from cpruner.errors import InputError


@dataclass(frozen=True)
class Trial:
    """What an open-loop agent keeps of an episode.

    Args:
        action_TA: The sequence.
        reward: Total reward.
        cost_K: Total costs.
        violation: Total violation, 0 where it is feasible (see :func:`violation`).
    """

    action_TA: Array
    reward: float
    cost_K: Array
    violation: float

    @classmethod
    def of(cls, episode: Episode, problem: Problem) -> "Trial":
        """Sum up an episode.

        Raises:
            InputError: If it is not ``problem.horizon`` steps long.
        """
        if len(episode.reward_T) != problem.horizon:
            raise InputError(
                "an episode of an agent that plays whole sequences",
                expected=f"{problem.horizon} steps",
                got=len(episode.reward_T),
                remedy="Use an agent with a policy (ppo_lagrangian) for episodes of varying length.",
            )
        cost_K = episode.total_cost_K
        return cls(episode.action_TA, episode.total_reward, cost_K, violation(cost_K, problem.limits))

    def beats(self, other: "Trial | None") -> bool:
        """Whether it is better: less violation, or as much and more reward; anything beats None."""
        return other is None or (self.violation, -self.reward) < (other.violation, -other.reward)

    def state_dict(self) -> dict[str, Any]:
        """Tensors and numbers only."""
        return {
            "actions": torch.from_numpy(self.action_TA.copy()),
            "reward": self.reward,
            "cost": torch.from_numpy(self.cost_K.copy()),
            "violation": self.violation,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Trial":
        """Read back ``state_dict()``."""
        action_TA, cost_K = (np.array(state[name].numpy(), dtype=np.float64) for name in ("actions", "cost"))
        return cls(action_TA, float(state["reward"]), cost_K, float(state["violation"]))
