"""The learner of :class:`DDPG`.

Axis letters: B steps, O observation, A action, K constraints, V = 1 + K (reward first, then costs).
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from cpruner.agent.adam import load_moments, moments
from cpruner.agent.adoption import adopt
from cpruner.agent.network import linear, mlp
from cpruner.agent.off_policy.bellman import backup, follow
from cpruner.agent.off_policy.exploration import decayed, truncated_normal
from cpruner.agent.off_policy.memory import Memory, Minibatch
from cpruner.cmdp import Array, Episode, Problem, UpdateStats

if TYPE_CHECKING:
    from cpruner.agent.off_policy.ddpg import DDPG

_SMALL = 0.01  # gain of the actor's last layer: all states start nearly alike, at 0.5


@final
class DDPGAgent:
    """State of :class:`DDPG`: actor, critic, their targets and the memory."""

    learns_executed: ClassVar[bool] = True  # a critic values what was done, not what was meant

    def __init__(self, spec: "DDPG", problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        width_O, width_A, width_V = problem.observation_size, problem.action_size, 1 + len(problem.limits)
        self._generator = torch.Generator().manual_seed(seed)
        body = mlp([width_O, *spec.hidden], self._generator, first_gain=spec.gain)
        last = linear(spec.hidden[-1], width_A, _SMALL, self._generator)
        self._actor = nn.Sequential(body, nn.Tanh(), last, nn.Sigmoid())
        self._critic = mlp([width_O + width_A, *spec.hidden, width_V], self._generator, first_gain=spec.gain)
        self._target_actor, self._target_critic = copy.deepcopy(self._actor), copy.deepcopy(self._critic)
        self._actor_adam = Adam(self._actor.parameters(), lr=spec.actor_lr, fused=True)
        self._critic_adam = Adam(self._critic.parameters(), lr=spec.critic_lr, fused=True)
        self._memory = Memory(spec, problem)
        self._taught, self._exploration = False, 1.0

    @property
    def episodes_per_update(self) -> int:
        """N."""
        return self.spec.episodes_per_update

    @property
    def std(self) -> float:
        """Standard deviation of the exploration noise after the warm-up, before truncation."""
        learned = max(0, self._memory.episodes - self.spec.warmup)
        return decayed(self._exploration * self.spec.initial_std, self.spec.std_decay, self.spec.std_floor, learned)

    def begin(self) -> None:
        """Nothing is kept from step to step."""

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """The actor's action with noise, uniform during the warm-up; without noise if ``deterministic``.

        An agent that was taught acts by itself from the beginning.
        """
        return self.act_all(observation, deterministic=deterministic)

    @torch.no_grad()
    def act_all(self, observation_NO: Array, *, deterministic: bool = False) -> Array:
        """Actions (N, A) in N episodes that run in lockstep."""
        seen_NO = torch.from_numpy(np.asarray(observation_NO, dtype=np.float64))
        if not deterministic and not (self._taught or self._memory.learning):
            shape = (*seen_NO.shape[:-1], self.problem.action_size)
            return np.array(torch.rand(shape, generator=self._generator, dtype=torch.float64).numpy())
        mean_NA = self._actor(self._memory.normalised(seen_NO))
        action_NA = mean_NA if deterministic else truncated_normal(mean_NA, self.std, self._generator)
        return np.array(action_NA.numpy())

    def imitate(self, episodes: Sequence[Episode], steps: int, lr: float) -> float:
        """Bring the actor near the actions of given episodes, by ``steps`` steps of Adam; returns the mean square left.

        Observations are normalised by these episodes if by none yet.
        """
        seen_BO = torch.cat([torch.from_numpy(episode.observation_TO) for episode in episodes])
        action_BA = torch.cat([torch.from_numpy(np.clip(episode.action_TA, 0.0, 1.0)) for episode in episodes])
        self._memory.see(seen_BO)
        seen_BO = self._memory.normalised(seen_BO)
        adam = Adam(self._actor.parameters(), lr=lr)
        for _ in range(steps):
            adam.zero_grad()
            (self._actor(seen_BO) - action_BA).square().mean().backward()
            adam.step()
        self._target_actor.load_state_dict(self._actor.state_dict())
        with torch.no_grad():
            return float((self._actor(seen_BO) - action_BA).square().mean())

    def restart(self, exploration: float) -> None:
        """Keep what was learned, forget what was played: other rewards follow, and no random episodes before them.

        Args:
            exploration: Share of the initial exploration to begin with.
        """
        self._memory.restart()
        self._taught, self._exploration = True, exploration

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Begin with the networks and the scale of observations of an agent that has learned elsewhere.

        What the critic was taught is in units of the rewards there; it learns the new ones from what is played.

        Raises:
            InputError: They do not fit; nothing is changed.
        """
        memory = state.get("memory")
        scale = memory.get("normaliser", {}) if isinstance(memory, Mapping) else {}
        adopt(
            {**self._networks, "normaliser": self._memory.normaliser},
            {**state.get("networks", {}), "normaliser": scale},
        )

    def fill(self, episodes: Sequence[Episode]) -> None:
        """Put stored episodes of another run into the replay; they are learned from in the next update."""
        self._memory.fill(episodes)

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """Remember the episodes; after the warm-up, one dual step from them and gradient steps on the replay.

        Raises:
            InputError: If there is no episode.
        """
        scalars = self._memory.take(episodes) | {"std": self.std}
        if self._memory.learning:
            weight_V = self._memory.prices.weight_V
            learned = [self._step(batch, weight_V) for batch in self._memory.minibatches(self._generator)]
            loss, value = torch.stack(learned).mean(dim=0).tolist()
            scalars |= {"critic/loss": loss, "critic/lagrangian": value}
        return UpdateStats(self._memory.prices.multipliers, scalars)

    def state_dict(self) -> dict[str, Any]:
        """Weights, moments, memory and the state of the generator."""
        networks = {name: _copy(network.state_dict()) for name, network in self._networks.items()}
        return {
            "generator": self._generator.get_state(),
            "networks": networks,
            "actor_adam": moments(self._actor_adam),
            "critic_adam": moments(self._critic_adam),
            "memory": self._memory.state_dict(),
            "taught": self._taught,
            "exploration": self._exploration,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._generator.set_state(state["generator"])
        for name, network in self._networks.items():
            network.load_state_dict(state["networks"][name])
        load_moments(self._actor_adam, state["actor_adam"])
        load_moments(self._critic_adam, state["critic_adam"])
        self._memory.load_state_dict(state["memory"])
        self._taught, self._exploration = bool(state["taught"]), float(state["exploration"])

    @property
    def _networks(self) -> dict[str, nn.Module]:
        return {
            "actor": self._actor,
            "critic": self._critic,
            "target_actor": self._target_actor,
            "target_critic": self._target_critic,
        }

    def _step(self, batch: Minibatch, weight_V: Tensor) -> Tensor:
        """One gradient step of critic and actor; returns the critic's loss and the Lagrangian it sees."""
        with torch.no_grad():
            next_BV = self._target_critic(_joined(batch.next_BO, self._target_actor(batch.next_BO)))
            target_BV = backup(batch.signal_BV, next_BV, batch.done_B, self.spec.gamma)
        value_BV = self._critic(_joined(batch.observation_BO, batch.action_BA))
        loss = (value_BV - target_BV).square().mean()
        self._critic_adam.zero_grad()
        loss.backward()
        self._critic_adam.step()

        value_BV = self._critic(_joined(batch.observation_BO, self._actor(batch.observation_BO)))
        lagrangian = (value_BV @ weight_V).mean()
        self._actor_adam.zero_grad()
        (-lagrangian).backward(inputs=list(self._actor.parameters()))
        self._actor_adam.step()

        follow(self._target_actor, self._actor, self.spec.tau)
        follow(self._target_critic, self._critic, self.spec.tau)
        return torch.stack([loss.detach(), lagrangian.detach()])


def _joined(observation_BO: Tensor, action_BA: Tensor) -> Tensor:
    """Input of the critic; actions are centred, as observations are."""
    return torch.cat([observation_BO, 2.0 * action_BA - 1.0], dim=1)


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A plain dict of copies, which later updates leave alone."""
    return {name: value.clone() for name, value in state.items()}
