"""Constrained update projection.

Axis letters: B steps, K constraints.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch
from torch import Tensor
from torch.optim import Adam

from cpruner.agent.adam import load_moments, moments
from cpruner.agent.policy import Law, Policy
from cpruner.agent.update.batch import Batch
from cpruner.agent.update.descent import descend
from cpruner.agent.update.objective import clipped_loss
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class CUP:
    """CUP (Yang et al. 2022, algorithm 1): improve the reward, then project onto what is allowed.

    With rho = pi / pi_old, importance weights w, the clipped rho' and prices from the multipliers::

        pi_half: maximise mean(w min(rho A_r, rho' A_r)) - tau mean(w KL(pi_old || pi)) + entropy H(pi)
        pi:      minimise mean(w rho sum_k price_k A_ck) + tau mean(w KL(pi_half || pi)) - entropy sum_k lambda_k H(pi)
        tau    = temperature (1 + sum_k lambda_k)

    each by gradient steps, so many at most and up to such a divergence at most. The projection may reach further: only
    then can it also undo violations of earlier updates.

    The paper weighs the costs by (1 - gamma trace) / (1 - gamma), which turns a mean over steps into a sum over an
    endless episode and has no value for gamma = 1. In an episode of T steps, J_r and J_k change by about T mean(rho A)
    whatever the trace, so that T takes its place, for reward and costs alike; it is divided out and counted into the
    temperature. The paper bounds the improvement by a divergence or by clipping; both are done here, with the
    temperature of the projection: what the improvement adds and the projection takes away then cancel where the
    Lagrangian is stationary, and the multipliers are those of the problem. With clipping alone they are not, and
    neither is the policy optimal. What holds the policy back grows with the Lagrangian, by 1 + sum_k lambda_k: steps
    then stay bounded, and balanced, when a multiplier grows. So does the entropy bonus, which is 0 in the paper.
    """

    dual: ClassVar[bool] = True

    temperature: float = option(0.7, "Weight of either divergence, per unit of the Lagrangian's advantage.", low=1e-6)
    lr: float = option(0.002, "Step size of Adam in the improvement.", low=0.0)
    epochs: int = option(20, "Most gradient steps of the improvement, each on all episodes remembered.", low=1)
    clip: float = option(1.0, "Half width of the trust region of the probability ratio.", low=0.0)
    target_kl: float = option(0.1, "End the improvement once KL(old || half) exceeds this, in nats.", low=0.0)
    projection_lr: float = option(0.002, "Step size of Adam in the projection.", low=0.0)
    projection_epochs: int = option(20, "Most gradient steps of the projection.", low=1)
    projection_kl: float = option(0.2, "End the projection once KL(half || new) exceeds this, in nats.", low=0.0)
    entropy: float = option(0.0, "Weight of the entropy bonus.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, policy: Policy, generator: torch.Generator) -> "CUPUpdate":
        """Make the update; it draws nothing."""
        del generator
        return CUPUpdate(self, policy)


@final
class CUPUpdate:
    """State of :class:`CUP`: Adam's moments, of either step."""

    def __init__(self, spec: CUP, policy: Policy) -> None:
        self.spec, self._policy = spec, policy
        self._improve = Adam(policy.parameters(), lr=spec.lr)
        self._project = Adam(policy.parameters(), lr=spec.projection_lr)

    def improve(self, batch: Batch) -> dict[str, float]:
        """Both steps; returns their numbers of gradient steps and the KL divergences of the improvement and in all."""
        spec, policy, seen = self.spec, self._policy, batch.seen

        def improvement(law: Law) -> Tensor:
            bonus = spec.entropy * law.entropy().mean()
            return improvement_loss(batch.old.kl(law), batch.ratio_B(law), batch, spec) - bonus

        steps, kl_half = descend(
            policy, self._improve, seen, improvement, since=batch.old, epochs=spec.epochs, kl=spec.target_kl
        )
        scalars = {"steps": float(steps), "kl": kl_half, "kl_half": kl_half, "projection_steps": 0.0}
        if not bool((batch.price_K > 0.0).any()):
            return scalars
        with torch.no_grad():
            half = policy(seen)

        def projection(law: Law) -> Tensor:
            bonus = spec.entropy * batch.lambda_K.sum() * law.entropy().mean()
            return projection_loss(half.kl(law), batch.ratio_B(law), batch, spec) - bonus

        count, _ = descend(
            policy, self._project, seen, projection, since=half, epochs=spec.projection_epochs, kl=spec.projection_kl
        )
        with torch.no_grad():
            kl = float(batch.old.kl(policy(seen)).mean())
        return {**scalars, "kl": kl, "projection_steps": float(count)}

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return {"improve": moments(self._improve), "project": moments(self._project)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        load_moments(self._improve, state["improve"])
        load_moments(self._project, state["project"])


def improvement_loss(divergence_B: Tensor, ratio_B: Tensor, batch: Batch, spec: CUP) -> Tensor:
    """The loss of the improvement of :class:`CUP`, a scalar.

    Args:
        divergence_B: KL(pi_old || pi) of every state.
        ratio_B: rho of every action.
        batch: Advantages and weights.
        spec: Temperature and clip.
    """
    lost = clipped_loss(ratio_B, batch.reward_B, spec.clip, batch.weight_B)
    return lost + spec.temperature * batch.scale * (batch.weight_B * divergence_B).mean()


def projection_loss(divergence_B: Tensor, ratio_B: Tensor, batch: Batch, spec: CUP) -> Tensor:
    """The loss of the projection of :class:`CUP`, a scalar.

    Args:
        divergence_B: KL(pi_half || pi) of every state.
        ratio_B: rho of every action.
        batch: Advantages, prices and weights.
        spec: Temperature.
    """
    held_B = spec.temperature * batch.scale * divergence_B
    return (batch.weight_B * (held_B + ratio_B * (batch.cost_BK @ batch.price_K))).mean()
