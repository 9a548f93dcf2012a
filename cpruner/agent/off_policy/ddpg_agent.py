"""The learner of :class:`DDPG`.

Axis letters: N episodes, B steps, O observation, A action, K constraints, V = 1 + K (reward first, then costs).
"""

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Adam

from cpruner.agent.adam import load_moments, moments
from cpruner.agent.network import linear, mlp
from cpruner.agent.normaliser import Normaliser
from cpruner.agent.off_policy.bellman import backup, follow
from cpruner.agent.off_policy.exploration import decayed, truncated_normal
from cpruner.agent.off_policy.prices import Prices
from cpruner.agent.off_policy.replay import Replay
from cpruner.cmdp import Array, Episode, Problem, UpdateStats

if TYPE_CHECKING:
    from cpruner.agent.off_policy.ddpg import DDPG


@final
class DDPGAgent:
    def __init__(self, spec: "DDPG", problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        O, A, V = problem.observation_size, problem.action_size, 1 + len(problem.limits)
        self._generator = torch.Generator().manual_seed(seed)
        self._normaliser = Normaliser(O)
        body = mlp([O, *spec.hidden], self._generator, first_gain=spec.gain)
        self._actor = nn.Sequential(body, nn.Tanh(), linear(spec.hidden[-1], A, 0.01, self._generator), nn.Sigmoid())
        self._critic = mlp([O + A, *spec.hidden, V], self._generator, first_gain=spec.gain)
        self._target_actor, self._target_critic = copy.deepcopy(self._actor), copy.deepcopy(self._critic)
        self._actor_adam = Adam(self._actor.parameters(), lr=spec.actor_lr, fused=True)
        self._critic_adam = Adam(self._critic.parameters(), lr=spec.critic_lr, fused=True)
        self._targets = [*self._target_actor.parameters(), *self._target_critic.parameters()]
        self._onlines = [*self._actor.parameters(), *self._critic.parameters()]
        self._np = len(list(self._actor.parameters()))
        self._replay = Replay(problem, spec.capacity * problem.horizon)
        self._prices = Prices(
            problem, spec.multiplier, scale_costs=spec.scale_costs, unit=spec.signal_unit, baseline=spec.baseline
        )
        self._episodes = 0

    @property
    def episodes_per_update(self) -> int:
        return self.spec.episodes_per_update

    def begin(self) -> None:
        pass

    @property
    def std(self):
        return decayed(
            self.spec.initial_std, self.spec.std_decay, self.spec.std_floor, self._episodes - self.spec.warmup
        )

    @torch.no_grad()
    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        if self._episodes < self.spec.warmup and not deterministic:
            return torch.rand(self.problem.action_size, generator=self._generator, dtype=torch.float64).numpy()
        observation_O = torch.from_numpy(np.asarray(observation, dtype=np.float64))
        mean_A = self._actor(self._normaliser(observation_O[None]))[0]
        return np.array(mean_A if deterministic else truncated_normal(mean_A, self.std, self._generator))

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        self._replay.add(episodes)
        self._episodes += len(episodes)
        if self._episodes < self.spec.warmup:
            return UpdateStats(tuple([0.0] * len(self.problem.limits)), {})
        if self.spec.normalise_observations and not self._normaliser.fitted:
            self._normaliser.fit(self._replay.observation_BO)
        fresh = torch.tensor(np.array([[e.total_reward, *e.total_cost_K] for e in episodes]))
        first = not self._prices._began
        g = self._prices.update(fresh, self._replay.total_NV)
        n = self._episodes if first and getattr(self.spec, "catch", True) else len(episodes)
        S = self.spec.gradient_steps * n
        with torch.no_grad():
            steps = self._replay.sample(S * self.spec.batch, self._generator)
            now, nxt = self._normaliser(steps.observation_BO), self._normaliser(steps.next_BO)
            z = self._prices.signal(steps, self.spec.credit)
            w = self._prices.weight_V
            x = _joined(now, steps.action_BA)
        c = self.spec.batch
        for args in zip(x.split(c), now.split(c), nxt.split(c), z.split(c), steps.done_B.split(c)):
            cl = self._step(*args, w)
        return UpdateStats(self._prices.multipliers, {"std": self.std, "critic/loss": float(cl)})

    def _step(self, x, now, nxt, z, done, w):
        spec = self.spec
        with torch.no_grad():
            next_BV = self._target_critic(_joined(nxt, self._target_actor(nxt)))
            y = backup(z, next_BV, done, spec.gamma)
        loss = (self._critic(x) - y).pow(2).mean()
        self._critic_adam.zero_grad()
        loss.backward()
        self._critic_adam.step()
        gain = (self._critic(_joined(now, self._actor(now))) @ w).mean()
        self._actor_adam.zero_grad()
        (-gain).backward(inputs=self._onlines[: self._np])
        self._actor_adam.step()
        follow(self._targets, self._onlines, spec.tau)
        return loss.detach()


def _joined(o, a):
    return torch.cat([o, 2.0 * a - 1.0], dim=1)
