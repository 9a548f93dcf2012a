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

        pi_half: maximise mean(w min(rho A_r, rho' A_r))
        pi:      minimise mean(w KL(pi_half || pi)) + T mean(w rho sum_k price_k A_ck)

    each by gradient steps, so many at most and up to such a divergence at most. The projection has to reach further:
    only then can it also undo violations of earlier updates.

    The paper weighs the costs by (1 - gamma trace) / (1 - gamma), which has no value for gamma = 1: it turns a mean over
    steps into a sum over an endless episode. In an episode of T steps, J_k changes by about T mean(rho A_ck) whatever
    the trace, hence T. The multipliers settle where the projection undoes what the improvement added to the costs.
    They weigh costs against a divergence, not against the reward, hence are not the multipliers of the problem.
    """

    dual: ClassVar[bool] = True

    lr: float = option(0.001, "Step size of Adam in the improvement.", low=0.0)
    epochs: int = option(60, "Most gradient steps of the improvement, each on all episodes remembered.", low=1)
    clip: float = option(0.3, "Half width of the trust region of the probability ratio.", low=0.0)
    target_kl: float = option(0.03, "End the improvement once KL(old || half) exceeds this, in nats.", low=0.0)
    projection_lr: float = option(0.001, "Step size of Adam in the projection.", low=0.0)
    projection_epochs: int = option(60, "Most gradient steps of the projection.", low=1)
    projection_kl: float = option(0.2, "End the projection once KL(half || new) exceeds this, in nats.", low=0.0)

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
            return clipped_loss(batch.ratio_B(law), batch.reward_B, spec.clip, batch.weight_B)

        steps, kl_half = descend(
            policy, self._improve, seen, improvement, since=batch.old, epochs=spec.epochs, kl=spec.target_kl
        )
        scalars = {"steps": float(steps), "kl": kl_half, "kl_half": kl_half, "projection_steps": 0.0}
        if not bool((batch.price_K > 0.0).any()):
            return scalars
        with torch.no_grad():
            half = policy(seen)

        def projection(law: Law) -> Tensor:
            return projection_loss(half.kl(law), batch.ratio_B(law), batch)

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


def projection_loss(divergence_B: Tensor, ratio_B: Tensor, batch: Batch) -> Tensor:
    """The loss of the projection of :class:`CUP`, a scalar.

    Args:
        divergence_B: KL(pi_half || pi) of every state.
        ratio_B: rho of every action.
        batch: Advantages, prices and weights.
    """
    return (batch.weight_B * (divergence_B + batch.length * ratio_B * (batch.cost_BK @ batch.price_K))).mean()
