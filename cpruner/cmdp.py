"""The constrained Markov decision process that agents solve and environments pose.

Maximise J_r = E[sum_t r_t] subject to J_k = E[sum_t c_tk] <= d_k for k = 1..K (Altman 1999, section 2).
One sign convention everywhere: g_k = J_k - d_k, and g_k <= 0 is feasible.

Axis letters: T steps, O observation, A action, K constraints.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Problem:
    """What an agent has to know before its first step.

    Args:
        observation_size: Length O of an observation.
        action_size: Length A of an action; every component lies in [0, 1].
        horizon: Number of steps T of the longest episode.
        constraints: Name of every constraint, K of them.
        limits: d_K, the largest feasible mean cost of a whole episode, one per constraint.
    """

    observation_size: int
    action_size: int
    horizon: int
    constraints: tuple[str, ...] = ()
    limits: tuple[float, ...] = ()


@dataclass(frozen=True)
class Step:
    """One transition: in ``observation`` the agent did ``action`` and got ``reward`` and ``cost_K``."""

    observation: Array
    action: Array
    reward: float
    cost_K: Array
    done: bool


@dataclass(frozen=True)
class Episode:
    """A whole episode; costs are only ever estimated from whole episodes."""

    observation_TO: Array
    action_TA: Array
    reward_T: Array
    cost_TK: Array

    @classmethod
    def of(cls, steps: Sequence[Step]) -> "Episode":
        """Stack the steps of one finished episode."""
        return cls(
            observation_TO=np.stack([step.observation for step in steps]).astype(np.float64),
            action_TA=np.stack([step.action for step in steps]).astype(np.float64),
            reward_T=np.array([step.reward for step in steps], dtype=np.float64),
            cost_TK=np.stack([step.cost_K for step in steps]).astype(np.float64),
        )

    @property
    def total_reward(self) -> float:
        """Sum of rewards, undiscounted."""
        return float(self.reward_T.sum())

    @property
    def total_cost_K(self) -> Array:
        """Sum of costs per constraint, undiscounted, shape (K,)."""
        return np.asarray(self.cost_TK.sum(axis=0))


@dataclass(frozen=True)
class UpdateStats:
    """What one update did; the loop logs it, the agent never sees a logger.

    Args:
        multipliers: lambda_K after the update, one per constraint (empty for agents without multipliers).
        scalars: Named diagnostics: entropy, kl, explained variance, step size, ...
    """

    multipliers: tuple[float, ...] = ()
    scalars: Mapping[str, float] = field(default_factory=dict)


class BatchEnv(Protocol):
    """Many episodes of one problem at once, all of the same length; nothing about them is random."""

    @property
    def problem(self) -> Problem:
        """What it poses."""
        ...

    def reset(self, episodes: int) -> Array:
        """Begin N episodes; observations of shape (N, O)."""
        ...

    def step(self, action_NA: Array) -> tuple[Array, Array, Array, bool]:
        """One step of all: observations (N, O), rewards (N,), costs (N, K), and whether all are over."""
        ...


class Actor(Protocol):
    """What plays an episode: it acts step by step."""

    def begin(self) -> None:
        """An episode begins: forget what was seen in the last one, finished or not."""
        ...

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """Choose an action of length A; values outside [0, 1] are clipped by the environment."""
        ...


class Agent(Actor, Protocol):
    """A learner: act step by step, update from whole episodes.

    The environment may execute another action than was proposed, to keep to the budgets. Episodes then hold what was
    proposed, whose probability a policy gradient needs; they hold what was executed if the agent has an attribute
    ``learns_executed = True``, as agents that learn the value of what was done have.
    """

    @property
    def episodes_per_update(self) -> int:
        """How many whole episodes ``update`` wants."""
        ...

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Learn from whole episodes played with the present policy."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to continue bit-identically: tensors, numbers, strings, lists and dicts only."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        ...


class AgentSpec(Protocol):
    """Hyper-parameters of an agent; builds it for a problem."""

    def build(self, problem: Problem, seed: int) -> Agent:
        """Make the agent; the same seed gives the same agent."""
        ...
