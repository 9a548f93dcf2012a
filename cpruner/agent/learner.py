"""Gradient steps on policy and critic, and their optimiser's state.

Axis letters: B steps, O observation, A action, V = 1 + K values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Adam

from cpruner.agent.critic import Critic, value_loss
from cpruner.agent.policy import GaussianPolicy
from cpruner.agent.surrogate import clipped_loss, gaussian_kl


@dataclass(frozen=True)
class Batch:
    """Steps to learn from, all episodes together.

    Args:
        observation_BO: Normalised observations.
        action_BA: Actions as drawn.
        advantage_B: Advantages of the Lagrangian.
        weight_B: Importance weights against the policy that played.
        old_log_prob_B: Log probabilities under the policy before this update.
    """

    observation_BO: Tensor
    action_BA: Tensor
    advantage_B: Tensor
    weight_B: Tensor
    old_log_prob_B: Tensor


@dataclass(frozen=True)
class Trust:
    """How far one update may go.

    Args:
        epochs: Largest number of gradient steps, each on the whole batch.
        clip: Half width of the trust region of the probability ratio.
        target_kl: Stop once the mean KL divergence from the old policy exceeds this, in nats.
        entropy: Weight of the policy's entropy in the objective.
    """

    epochs: int
    clip: float
    target_kl: float
    entropy: float


def improve_policy(policy: GaussianPolicy, optimiser: Adam, batch: Batch, trust: Trust) -> dict[str, float]:
    """Maximise the clipped surrogate plus the entropy bonus; returns the steps taken and the final KL divergence."""
    with torch.no_grad():
        old_mean_BA, old_std_A = policy.mean(batch.observation_BO), policy.std_A.clone()
    steps, kl = 0, 0.0
    while steps < trust.epochs and kl <= trust.target_kl:
        log_prob_B = policy.log_prob(batch.observation_BO, batch.action_BA)
        loss = clipped_loss(log_prob_B, batch.old_log_prob_B, batch.advantage_B, trust.clip, batch.weight_B)
        optimiser.zero_grad()
        (loss - trust.entropy * policy.entropy()).backward()
        optimiser.step()
        steps += 1
        with torch.no_grad():
            kl = float(gaussian_kl(old_mean_BA, old_std_A, policy.mean(batch.observation_BO), policy.std_A))
    return {"steps": float(steps), "kl": kl}


def fit_values(critic: Critic, optimiser: Adam, observation_BO: Tensor, return_BV: Tensor, epochs: int) -> float:
    """Regress the values on returns, ``epochs`` steps on the whole batch; returns the last loss."""
    loss = torch.zeros(())
    for _ in range(epochs):
        loss = value_loss(critic(observation_BO), return_BV)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return float(loss.detach())


def moments(optimiser: Adam) -> dict[str, Any]:
    """Adam's moments by parameter number; its settings belong to the spec and are not saved."""
    state: dict[int, dict[str, Tensor]] = optimiser.state_dict()["state"]
    return {str(index): {name: value.clone() for name, value in entry.items()} for index, entry in state.items()}


def load_moments(optimiser: Adam, state: Mapping[str, Any]) -> None:
    """Continue from ``moments()``."""
    entries = {int(index): {name: value.clone() for name, value in entry.items()} for index, entry in state.items()}
    optimiser.load_state_dict({"state": entries, "param_groups": optimiser.state_dict()["param_groups"]})
