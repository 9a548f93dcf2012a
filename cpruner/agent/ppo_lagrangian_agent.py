"""The learner of PPO-Lagrangian.

Axis letters: N episodes, T steps, B steps of all episodes together, O observation, A action, K constraints,
V = 1 + K (reward first, then costs).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np
import torch
from torch import Tensor
from torch.optim import Adam

from cpruner.agent import experience
from cpruner.agent.advantage import gae, leave_one_out, returns
from cpruner.agent.critic import Critic, explained_variance
from cpruner.agent.experience import Played
from cpruner.agent.lagrangian import dual_unit, lagrangian_advantage, standardise_by_reward
from cpruner.agent.learner import Batch, Trust, fit_values, improve_policy, load_moments, moments
from cpruner.agent.normaliser import Normaliser
from cpruner.agent.policy import GaussianPolicy
from cpruner.agent.surrogate import truncated_weight
from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.errors import InputError

if TYPE_CHECKING:
    from cpruner.agent.ppo_lagrangian import PPOLagrangian


@final
class PPOLagrangianAgent:
    """State of :class:`PPOLagrangian`: policy, critic, multipliers and the episodes of the last updates."""

    def __init__(self, spec: "PPOLagrangian", problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        size, K = problem.observation_size, len(problem.limits)
        self._generator = torch.Generator().manual_seed(seed)
        self._normaliser = Normaliser(size)
        self._policy = GaussianPolicy(
            size,
            problem.action_size,
            hidden=spec.hidden,
            initial_mean=spec.initial_mean,
            initial_std=spec.initial_std,
            generator=self._generator,
            feature_gain=spec.feature_gain,
        )
        self._policy.log_std_A.requires_grad_(spec.learn_std)
        self._critic = Critic(size, K, hidden=spec.hidden, generator=self._generator, feature_gain=spec.feature_gain)
        self._policy_adam = Adam(self._policy.parameters(), lr=spec.lr)
        self._critic_adam = Adam(self._critic.parameters(), lr=spec.critic_lr)
        self._cost_unit_K: Array = np.array(problem.limits, dtype=np.float64) if spec.scale_costs else np.ones(K)
        self._dual_unit_K: Array = np.zeros(K)  # 0: not known yet
        self._rule = spec.rule(K)
        self._memory: list[list[Played]] = []

    @property
    def episodes_per_update(self) -> int:
        """N."""
        return self.spec.episodes_per_update

    @torch.no_grad()
    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """Draw an action, not clipped; the mean, which lies in (0, 1), if ``deterministic``."""
        observation_1O = self._normaliser(torch.from_numpy(np.asarray(observation, dtype=np.float64))[None])
        policy = self._policy
        action_1A = policy.mean(observation_1O) if deterministic else policy.sample(observation_1O, self._generator)
        return np.asarray(action_1A[0].numpy())

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """One dual step from the new episodes, then one primal step from all remembered ones.

        Raises:
            InputError: If there is no episode.
        """
        if not episodes:
            raise InputError("episodes", expected="at least one", got="none", remedy="Play before updating.")
        fresh = [Played.of(episode, self._cost_unit_K, self._log_prob(episode)) for episode in episodes]
        if self.spec.normalise_observations and not self._normaliser.fitted:
            self._normaliser.fit(experience.observations(fresh))
        self._memory = [*self._memory, fresh][-self.spec.reuse :]
        mean_V = np.mean([played.total_V for played in fresh], axis=0)
        violation_K = mean_V[1:] - np.array(self.problem.limits) / self._cost_unit_K
        lambda_K = self._rule.update(violation_K)
        pool = [played for group in self._memory for played in group]
        unit_K = self._update_dual_unit(pool)
        scalars = {"reward": float(mean_V[0]), "std": float(self._policy.std_A.detach().mean())}
        scalars |= {
            f"violation/{name}": float(g) for name, g in zip(self.problem.constraints, violation_K, strict=True)
        }
        scalars |= self._improve(pool, lambda_K, unit_K)
        self._policy.shrink(self.spec.std_decay, self.spec.std_floor)
        return UpdateStats(tuple((lambda_K * unit_K / self._cost_unit_K).tolist()), scalars)

    def state_dict(self) -> dict[str, Any]:
        """Weights, moments, multipliers, remembered episodes and the state of the generator."""
        return {
            "generator": self._generator.get_state(),
            "normaliser": _copy(self._normaliser.state_dict()),
            "policy": _copy(self._policy.state_dict()),
            "critic": _copy(self._critic.state_dict()),
            "policy_adam": moments(self._policy_adam),
            "critic_adam": moments(self._critic_adam),
            "rule": self._rule.state_dict(),
            "dual_unit": torch.from_numpy(self._dual_unit_K.copy()),
            "memory": [[played.state_dict() for played in group] for group in self._memory],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._generator.set_state(state["generator"])
        self._normaliser.load_state_dict(state["normaliser"])
        self._policy.load_state_dict(state["policy"])
        self._critic.load_state_dict(state["critic"])
        load_moments(self._policy_adam, state["policy_adam"])
        load_moments(self._critic_adam, state["critic_adam"])
        self._rule.load_state_dict(state["rule"])
        self._dual_unit_K = state["dual_unit"].numpy().copy()
        self._memory = [[Played.from_state(played) for played in group] for group in state["memory"]]

    @torch.no_grad()
    def _log_prob(self, episode: Episode) -> Tensor:
        """Log probability of the actions of an episode under the present policy, shape (T,)."""
        observation_TO = self._normaliser(torch.from_numpy(episode.observation_TO))
        return self._policy.log_prob(observation_TO, torch.from_numpy(episode.action_TA))

    def _update_dual_unit(self, pool: Sequence[Played]) -> Array:
        """Unit of every multiplier, in reward per unit of scaled cost; 1 while unknown."""
        total_NV = np.stack([played.total_V for played in pool])
        if self.spec.multiplier_unit != "one":
            measured_K = dual_unit(total_NV[:, 0], total_NV[:, 1:])
            keep_K = (self._dual_unit_K > 0.0) & ((measured_K == 0.0) | (self.spec.multiplier_unit == "first"))
            self._dual_unit_K = np.where(keep_K, self._dual_unit_K, measured_K)
        return np.where(self._dual_unit_K > 0.0, self._dual_unit_K, 1.0)

    def _improve(self, pool: Sequence[Played], lambda_K: Array, unit_K: Array) -> dict[str, float]:
        """The primal step."""
        spec = self.spec
        observation_BO, action_BA = self._normaliser(experience.observations(pool)), experience.actions(pool)
        advantage_BV, scalars = self._advantages(pool, observation_BO)
        reward_B, cost_BK = standardise_by_reward(advantage_BV[:, 0], advantage_BV[:, 1:] * unit_K)
        with torch.no_grad():
            old_log_prob_B = self._policy.log_prob(observation_BO, action_BA)
        batch = Batch(
            observation_BO=observation_BO,
            action_BA=action_BA,
            advantage_B=torch.from_numpy(lagrangian_advantage(reward_B, cost_BK, lambda_K)),
            weight_B=truncated_weight(old_log_prob_B, experience.log_probs(pool), spec.weight_cap),
            old_log_prob_B=old_log_prob_B,
        )
        trust = Trust(epochs=spec.epochs, clip=spec.clip, target_kl=spec.target_kl, entropy=spec.entropy)
        scalars |= improve_policy(self._policy, self._policy_adam, batch, trust)
        return scalars | {"entropy": float(self._policy.entropy().detach())}

    def _advantages(self, pool: Sequence[Played], observation_BO: Tensor) -> tuple[Array, dict[str, float]]:
        """Advantages of reward and scaled costs, shape (B, V), not standardised; and diagnostics of the critic."""
        spec = self.spec
        return_NTV = [returns(played.signal_TV, spec.gamma) for played in pool]
        if spec.baseline == "batch":
            return np.concatenate(leave_one_out(return_NTV)), {}
        return_BV = torch.from_numpy(np.concatenate(return_NTV))
        with torch.no_grad():
            value_BV: Tensor = self._critic(observation_BO)
        value_NTV = np.split(value_BV.numpy(), np.cumsum([len(return_TV) for return_TV in return_NTV])[:-1])
        lam_V = np.array([spec.reward_lambda] + [spec.cost_lambda] * len(self.problem.limits))
        advantage_NTV = [
            gae(played.signal_TV, value_TV, spec.gamma, lam_V) for played, value_TV in zip(pool, value_NTV, strict=True)
        ]
        loss = fit_values(self._critic, self._critic_adam, observation_BO, return_BV, spec.critic_epochs)
        explained = explained_variance(value_BV[:, 0], return_BV[:, 0])
        return np.concatenate(advantage_NTV), {"critic/loss": loss, "critic/explained_variance": explained}


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A plain dict of copies, which later updates leave alone."""
    return {name: value.clone() for name, value in state.items()}
