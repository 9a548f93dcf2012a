"""PPO's clipped surrogate on the Lagrangian."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch.optim import Adam

from cpruner.agent.adam import load_moments, moments
from cpruner.agent.policy import Law, Policy
from cpruner.agent.update.batch import Batch
from cpruner.agent.update.objective import clipped_loss
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Clipped:
    """Gradient steps on the clipped surrogate (Schulman et al. 2017, equation 7) of the Lagrangian's advantage.

    ::

        A = (A_r - sum_k price_k A_ck) / (1 + sum_k lambda_k)
        maximise mean(w min(rho A, clip(rho, 1 - clip, 1 + clip) A)) + entropy H(pi)

    until ``epochs`` steps are made or the mean KL(old || new) exceeds ``target_kl``. With ``clip_costs`` off the costs
    enter as the plain mean(rho A_ck) (Malik et al. 2022, by their published code).
    """

    dual: ClassVar[bool] = True

    lr: float = option(0.001, "Step size of Adam.", low=0.0)
    epochs: int = option(60, "Most gradient steps per update, each on all episodes remembered.", low=1)
    clip: float = option(0.3, "Half width of the trust region of the probability ratio.", low=0.0)
    target_kl: float = option(0.1, "End an update once KL(old || new) exceeds this, in nats.", low=0.0)
    entropy: float = option(0.0, "Weight of the entropy bonus.", low=0.0)
    clip_costs: bool = option(True, "Clip the surrogate of the costs as well.")

    def __post_init__(self) -> None:
        check(self)

    def build(self, policy: Policy, generator: torch.Generator) -> "ClippedUpdate":
        """Make the update; it draws nothing."""
        del generator
        return ClippedUpdate(self, policy)


@final
class ClippedUpdate:
    """State of :class:`Clipped`: Adam's moments."""

    def __init__(self, spec: Clipped, policy: Policy) -> None:
        self.spec, self._policy = spec, policy
        self._adam = Adam(policy.parameters(), lr=spec.lr)

    def improve(self, batch: Batch) -> dict[str, float]:
        """Maximise; returns the steps taken and the final KL divergence."""
        steps, kl = 0, 0.0
        while steps < self.spec.epochs and kl <= self.spec.target_kl:
            law = self._policy(batch.seen)
            loss = self._loss(batch, law)
            self._adam.zero_grad()
            (loss - self.spec.entropy * law.entropy().mean()).backward()
            self._adam.step()
            steps += 1
            with torch.no_grad():
                kl = float(batch.old.kl(self._policy(batch.seen)).mean())
        return {"steps": float(steps), "kl": kl}

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return moments(self._adam)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        load_moments(self._adam, state)

    def _loss(self, batch: Batch, law: Law) -> torch.Tensor:
        ratio_B, clip = batch.ratio_B(law), self.spec.clip
        if self.spec.clip_costs:
            return clipped_loss(ratio_B, batch.lagrangian_B, clip, batch.weight_B)
        gained = clipped_loss(ratio_B, batch.reward_B, clip, batch.weight_B)
        paid = (batch.weight_B * ratio_B * (batch.cost_BK @ batch.price_K)).mean()
        return (gained + paid) / batch.scale
