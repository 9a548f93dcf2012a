"""The learner of :class:`OnPolicy`.

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
from cpruner.agent.adam import load_moments, moments
from cpruner.agent.adoption import adopt
from cpruner.agent.advantage import gae, leave_one_out, returns
from cpruner.agent.critic import Critic, explained_variance, fit_values
from cpruner.agent.experience import Played
from cpruner.agent.lagrangian import dual_unit, standardise
from cpruner.agent.normaliser import Normaliser
from cpruner.agent.policy import Policy
from cpruner.agent.sequences import Sequences
from cpruner.agent.update import Batch
from cpruner.agent.update.objective import truncated_weight
from cpruner.cmdp import Array, Episode, Problem, UpdateStats
from cpruner.errors import InputError

if TYPE_CHECKING:
    from cpruner.agent.on_policy import OnPolicy


@final
class OnPolicyAgent:
    """State of :class:`OnPolicy`: policy, critic, multipliers and the episodes of the last updates."""

    def __init__(self, spec: "OnPolicy", problem: Problem, seed: int) -> None:
        self.spec, self.problem = spec, problem
        K = len(problem.limits)
        self._generator = torch.Generator().manual_seed(seed)
        self._normaliser = Normaliser(problem.observation_size)
        self._policy = Policy(problem, spec.encoder, spec.policy, self._generator)
        self._critic = Critic(problem, spec.encoder, self._generator)
        self._critic_adam = Adam(self._critic.parameters(), lr=spec.critic_lr)
        self._update = spec.update.build(self._policy, self._generator)
        self._cost_unit_K: Array = np.array(problem.limits, dtype=np.float64) if spec.scale_costs else np.ones(K)
        self._dual_unit_K: Array = np.zeros(K)  # 0: not known yet
        self._rule = spec.multiplier.build(K)
        self._memory: list[list[Played]] = []
        self._seen: list[Tensor] = []

    @property
    def episodes_per_update(self) -> int:
        """N."""
        return self.spec.episodes_per_update

    def begin(self) -> None:
        """Forget the steps of the last episode."""
        self._seen = []

    def act(self, observation: Array, *, deterministic: bool = False) -> Array:
        """Draw an action; the policy's centre if ``deterministic``."""
        return np.asarray(self.act_all(np.asarray(observation)[None], deterministic=deterministic)[0])

    @torch.no_grad()
    def act_all(self, observation_NO: Array, *, deterministic: bool = False) -> Array:
        """Actions (N, A) in N episodes that run in lockstep."""
        earlier = self._seen if self._policy.remembers else []
        self._seen = [*earlier, torch.from_numpy(np.asarray(observation_NO, dtype=np.float64))]
        seen_NTO = torch.stack(self._seen, dim=1)
        law = self._policy.last(self._normalised(Sequences(seen_NTO, (len(self._seen),) * len(seen_NTO))))
        action_NA = law.centre_BA if deterministic else law.sample(self._generator)
        return np.array(action_NA.numpy())

    def update(self, episodes: Sequence[Episode]) -> UpdateStats:
        """One dual step from the new episodes, then one primal step from all remembered ones.

        Raises:
            InputError: If there is no episode.
        """
        if not episodes:
            raise InputError("episodes", expected="at least one", got="none", remedy="Play before updating.")
        fresh = self._played(episodes)
        self._memory = [*self._memory, fresh][-self.spec.reuse :]
        pool = [played for group in self._memory for played in group]
        mean_V = np.mean([played.total_V for played in fresh], axis=0)
        violation_K = mean_V[1:] - np.array(self.problem.limits) / self._cost_unit_K
        unit_K = self._update_dual_unit(pool)
        lambda_K = self._rule.update(violation_K) if self.spec.update.dual else np.zeros_like(violation_K)
        batch, scalars = self._batch(pool, violation_K, lambda_K, unit_K)
        scalars |= {"reward": float(mean_V[0])}
        scalars |= {
            f"violation/{name}": float(g) for name, g in zip(self.problem.constraints, violation_K, strict=True)
        }
        if self.spec.update.dual:
            scalars |= {
                f"saturated/{name}": float(held)
                for name, held in zip(self.problem.constraints, self._rule.saturated_K, strict=True)
            }
        scalars |= self._update.improve(batch)
        self._policy.anneal()
        with torch.no_grad():
            law = self._policy(batch.seen)
            scalars |= {"entropy": float(law.entropy().mean()), "std": float(law.spread().mean())}
        multipliers = (lambda_K * unit_K / self._cost_unit_K).tolist() if self.spec.update.dual else []
        return UpdateStats(tuple(multipliers), scalars)

    def imitate(self, episodes: Sequence[Episode], steps: int, lr: float) -> float:
        """Make the actions of given episodes likely, by ``steps`` steps of Adam; returns the mean log probability.

        Observations are normalised by these episodes if by none yet.
        """
        seen = Sequences.of([torch.from_numpy(episode.observation_TO) for episode in episodes])
        action_BA = torch.cat([torch.from_numpy(episode.action_TA) for episode in episodes])
        if self.spec.normalise_observations and not self._normaliser.fitted:
            self._normaliser.fit(seen.flat_BO)
        seen = self._normalised(seen)
        adam = Adam([parameter for parameter in self._policy.parameters() if parameter.requires_grad], lr=lr)
        for _ in range(steps):
            adam.zero_grad()
            (-self._policy(seen).log_prob(action_BA).mean()).backward()
            adam.step()
        with torch.no_grad():
            return float(self._policy(seen).log_prob(action_BA).mean())

    def restart(self, exploration: float) -> None:
        """Keep what was learned, forget what was played: other rewards follow.

        Args:
            exploration: Share of the initial exploration to begin with.
        """
        self._memory, self._seen = [], []
        self._dual_unit_K = np.zeros_like(self._dual_unit_K)
        self._policy.restart(exploration)

    def adopt(self, state: Mapping[str, Any]) -> None:
        """Begin with the weights in the state of an agent that has learned elsewhere; all else stays fresh.

        Raises:
            InputError: They do not fit; nothing is changed.
        """
        adopt({"normaliser": self._normaliser, "policy": self._policy, "critic": self._critic}, state)

    def state_dict(self) -> dict[str, Any]:
        """Weights, moments, multipliers, remembered episodes and the state of the generator."""
        return {
            "generator": self._generator.get_state(),
            "normaliser": _copy(self._normaliser.state_dict()),
            "policy": _copy(self._policy.state_dict()),
            "critic": _copy(self._critic.state_dict()),
            "critic_adam": moments(self._critic_adam),
            "update": self._update.state_dict(),
            "rule": self._rule.state_dict(),
            "dual_unit": torch.from_numpy(self._dual_unit_K.copy()),
            "memory": [[played.state_dict() for played in group] for group in self._memory],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``, at the beginning of an episode."""
        self._generator.set_state(state["generator"])
        self._normaliser.load_state_dict(state["normaliser"])
        self._policy.load_state_dict(state["policy"])
        self._critic.load_state_dict(state["critic"])
        load_moments(self._critic_adam, state["critic_adam"])
        self._update.load_state_dict(state["update"])
        self._rule.load_state_dict(state["rule"])
        self._dual_unit_K = state["dual_unit"].numpy().copy()
        self._memory = [[Played.from_state(played) for played in group] for group in state["memory"]]
        self._seen = []

    def _normalised(self, seen: Sequences) -> Sequences:
        return seen.with_observations(self._normaliser(seen.padded_NTO))

    @torch.no_grad()
    def _played(self, episodes: Sequence[Episode]) -> list[Played]:
        """The new episodes, with the log probabilities of their actions under the policy that played them."""
        seen = Sequences.of([torch.from_numpy(episode.observation_TO) for episode in episodes])
        action_BA = torch.cat([torch.from_numpy(episode.action_TA) for episode in episodes])
        log_prob_NT = self._policy(self._normalised(seen)).log_prob(action_BA).split(list(seen.length_N))
        if self.spec.normalise_observations and not self._normaliser.fitted:
            self._normaliser.fit(seen.flat_BO)
        pairs = zip(episodes, log_prob_NT, strict=True)
        return [Played.of(episode, self._cost_unit_K, log_prob_T) for episode, log_prob_T in pairs]

    def _update_dual_unit(self, pool: Sequence[Played]) -> Array:
        """Unit of every multiplier, in reward per unit of scaled cost; 1 while unknown."""
        total_NV = np.stack([played.total_V for played in pool])
        if self.spec.multiplier_unit != "one":
            measured_K = dual_unit(total_NV[:, 0], total_NV[:, 1:])
            keep_K = (self._dual_unit_K > 0.0) & ((measured_K == 0.0) | (self.spec.multiplier_unit == "first"))
            self._dual_unit_K = np.where(keep_K, self._dual_unit_K, measured_K)
        return np.where(self._dual_unit_K > 0.0, self._dual_unit_K, 1.0)

    def _batch(
        self, pool: Sequence[Played], violation_K: Array, lambda_K: Array, unit_K: Array
    ) -> tuple[Batch, dict[str, float]]:
        """What the policy update learns from, and diagnostics of the critic."""
        seen, action_BA = self._normalised(experience.sequences(pool)), experience.actions(pool)
        signal_NTV = [played.signal_TV for played in pool]
        if self.spec.penalty == "reward":
            price_V = np.concatenate([[1.0], -lambda_K * unit_K])
            signal_NTV = [np.where(np.arange(len(price_V)) == 0, (s @ price_V)[:, None], s) for s in signal_NTV]
            lambda_K = np.zeros_like(lambda_K)
        advantage_BV, scalars = self._advantages(signal_NTV, seen)
        reward_B, deviation = standardise(advantage_BV[:, 0])
        if self.spec.cost_advantage == "centred":
            deviation = 1.0
        with torch.no_grad():
            old = self._policy(seen)
            log_prob_B = old.log_prob(action_BA)
        batch = Batch(
            seen=seen,
            action_BA=action_BA,
            reward_B=torch.from_numpy(reward_B),
            cost_BK=torch.from_numpy(advantage_BV[:, 1:] - advantage_BV[:, 1:].mean(axis=0)),
            violation_K=torch.from_numpy(violation_K),
            lambda_K=torch.from_numpy(lambda_K),
            price_K=torch.from_numpy(lambda_K * unit_K / deviation),
            weight_B=truncated_weight(log_prob_B, experience.log_probs(pool), self.spec.weight_cap),
            old=old,
            length=float(np.mean(seen.length_N)),
        )
        return batch, scalars

    def _advantages(self, signal_NTV: Sequence[Array], seen: Sequences) -> tuple[Array, dict[str, float]]:
        """Advantages of reward and scaled costs, shape (B, V), not standardised; and diagnostics of the critic."""
        spec = self.spec
        return_NTV = [returns(signal_TV, spec.gamma) for signal_TV in signal_NTV]
        if spec.baseline == "batch":
            return np.concatenate(leave_one_out(return_NTV)), {}
        return_BV = torch.from_numpy(np.concatenate(return_NTV))
        with torch.no_grad():
            value_BV: Tensor = self._critic(seen)
        value_NTV = np.split(value_BV.numpy(), np.cumsum(seen.length_N)[:-1])
        trace_V = np.array([spec.reward_trace] + [spec.cost_trace] * len(self.problem.limits))
        advantage_NTV = [
            gae(signal_TV, value_TV, spec.gamma, trace_V)
            for signal_TV, value_TV in zip(signal_NTV, value_NTV, strict=True)
        ]
        loss = fit_values(self._critic, self._critic_adam, seen, return_BV, spec.critic_epochs)
        explained = explained_variance(value_BV[:, 0], return_BV[:, 0])
        return np.concatenate(advantage_NTV), {"critic/loss": loss, "critic/explained_variance": explained}


def _copy(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A plain dict of copies, which later updates leave alone."""
    return {name: value.clone() for name, value in state.items()}
