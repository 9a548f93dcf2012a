"""The learner of :class:`DQN`.

Axis letters: B steps, O observation, A action, L levels, V = 1 + K (reward first, then costs).
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss
from torch.optim import Adam

from cpruner.agent.adam import load_moments, moments
from cpruner.agent.network import mlp
from cpruner.agent.off_policy.bellman import backup, best_levels, follow, joint_value
from cpruner.agent.off_policy.exploration import decayed, epsilon_greedy, level, nearest
from cpruner.agent.off_policy.memory import Memory, Minibatch
from cpruner.cmdp import Array, Episode, Problem, UpdateStats

if TYPE_CHECKING:
    from cpruner.agent.off_policy.dqn import DQN


@final
class DQNAgent:
    """State of :class:`DQN`: network, target and the memory."""

    learns_executed: ClassVar[bool] = True  # values are of what was done, not of what was meant

    def __init__(self, spec: "DQN", problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        self._generator = torch.Generator().manual_seed(seed)
        sizes = [problem.observation_size, *spec.hidden, problem.action_size * spec.levels * (1 + len(problem.limits))]
        self._network = mlp(sizes, self._generator, first_gain=spec.gain)
        self._target = copy.deepcopy(self._network)
        self._adam = Adam(self._network.parameters(), lr=spec.lr, fused=True)
        self._memory = Memory(spec, problem)

    @property
    def episodes_per_update(self) -> int:
        """N."""
        return self.spec.episodes_per_update

    @property
    def epsilon(self) -> float:
        """Probability of a random level: 1 during the warm-up."""
        spec, episodes = self.spec, self._memory.episodes
        if not self._memory.learning:
            return 1.0
        return decayed(spec.initial_epsilon, spec.epsilon_decay, spec.epsilon_floor, episodes - spec.warmup)

    def begin(self) -> None:
        """Nothing is kept from step to step."""

    @torch.no_grad()
    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The best level of every component, or by chance any; only the best if ``deterministic``."""
        observation_1O = torch.from_numpy(np.asarray(observation, dtype=np.float64))[None]
        value_1ALV = self._values(self._network, self._memory.normalised(observation_1O))
        best_A = best_levels(value_1ALV, self._memory.prices.weight_V)[0]
        epsilon = 0.0 if deterministic else self.epsilon
        index_A = best_A if deterministic else epsilon_greedy(best_A, self.spec.levels, epsilon, self._generator)
        return np.array(level(index_A, self.spec.levels, self.spec.lowest).numpy())

    def fill(self, episodes: Sequence[Episode]) -> None:
        """Put stored episodes of another run into the replay; actions count as their nearest levels."""
        self._memory.fill(episodes)

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Remember the episodes; after the warm-up, one dual step from them and gradient steps on the replay.

        Raises:
            InputError: If there is no episode.
        """
        scalars = self._memory.take(episodes) | {"epsilon": self.epsilon}
        if self._memory.learning:
            weight_V = self._memory.prices.weight_V
            learned = [self._step(batch, weight_V) for batch in self._memory.minibatches(self._generator)]
            scalars |= {"critic/loss": float(torch.stack(learned).mean())}
        return UpdateStats(self._memory.prices.multipliers, scalars)

    def state_dict(self) -> dict[str, Any]:
        """Weights, moments, memory and the state of the generator."""
        return {
            "generator": self._generator.get_state(),
            "network": {name: value.clone() for name, value in self._network.state_dict().items()},
            "target": {name: value.clone() for name, value in self._target.state_dict().items()},
            "adam": moments(self._adam),
            "memory": self._memory.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._generator.set_state(state["generator"])
        self._network.load_state_dict(state["network"])
        self._target.load_state_dict(state["target"])
        load_moments(self._adam, state["adam"])
        self._memory.load_state_dict(state["memory"])

    def _values(self, network: nn.Module, observation_BO: Tensor) -> Tensor:
        """Q_iv of every component, level and signal, shape (B, A, L, V)."""
        output_BV: Tensor = network(observation_BO)
        return output_BV.view(len(output_BV), self.problem.action_size, self.spec.levels, -1)

    def _step(self, batch: Minibatch, weight_V: Tensor) -> Tensor:
        """One gradient step; returns the loss."""
        with torch.no_grad():
            judge_BALV = self._values(self._target, batch.next_BO)
            chooser_BALV = self._values(self._network, batch.next_BO) if self.spec.double else judge_BALV
            next_BV = joint_value(judge_BALV, best_levels(chooser_BALV, weight_V))
            target_BV = backup(batch.signal_BV, next_BV, batch.done_B, self.spec.gamma)
        index_BA = nearest(batch.action_BA, self.spec.levels, self.spec.lowest)
        loss = huber_loss(joint_value(self._values(self._network, batch.observation_BO), index_BA), target_BV)
        self._adam.zero_grad()
        loss.backward()
        self._adam.step()
        follow(self._target, self._network, self.spec.tau)
        return loss.detach()
