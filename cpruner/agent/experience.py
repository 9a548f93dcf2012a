"""What an agent remembers of the episodes it played.

Axis letters: T steps, B steps of all episodes together, O observation, A action, K constraints,
V = 1 + K (reward first, then costs).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cpruner.agent.sequences import Sequences
from cpruner.cmdp import Array, Episode


@dataclass(frozen=True)
class Played:
    """An episode and the log probability its actions had under the policy that played it.

    Args:
        observation_TO: As the environment gave them, not normalised.
        action_TA: As the policy drew them, not clipped.
        signal_TV: Reward and costs of every step.
        log_prob_T: Log probability of every action when it was drawn.
    """

    observation_TO: Tensor
    action_TA: Tensor
    signal_TV: Array
    log_prob_T: Tensor

    @classmethod
    def of(cls, episode: Episode, cost_unit_K: Array, log_prob_T: Tensor) -> "Played":
        """Keep an episode, its costs divided by ``cost_unit_K``."""
        return cls(
            observation_TO=torch.from_numpy(episode.observation_TO),
            action_TA=torch.from_numpy(episode.action_TA),
            signal_TV=np.concatenate([episode.reward_T[:, None], episode.cost_TK / cost_unit_K], axis=1),
            log_prob_T=log_prob_T,
        )

    @property
    def total_V(self) -> Array:
        """Sum of reward and of each cost, undiscounted, shape (V,)."""
        return np.asarray(self.signal_TV.sum(axis=0))

    def state_dict(self) -> dict[str, Tensor]:
        """Tensors by name."""
        return {
            "observation": self.observation_TO,
            "action": self.action_TA,
            "signal": torch.from_numpy(self.signal_TV),
            "log_prob": self.log_prob_T,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Played":
        """The inverse of ``state_dict()``."""
        return cls(state["observation"], state["action"], state["signal"].numpy(), state["log_prob"])


def sequences(pool: Sequence[Played]) -> Sequences:
    """The observations of all episodes, side by side."""
    return Sequences.of([played.observation_TO for played in pool])


def actions(pool: Sequence[Played]) -> Tensor:
    """All actions, shape (B, A)."""
    return torch.cat([played.action_TA for played in pool])


def log_probs(pool: Sequence[Played]) -> Tensor:
    """All log probabilities under the policies that played, shape (B,)."""
    return torch.cat([played.log_prob_T for played in pool])
