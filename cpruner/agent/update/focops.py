"""First-order constrained optimisation in policy space.

Axis letter: B steps.
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
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class FOCOPS:
    """FOCOPS (Zhang, Vuong and Ross 2020, algorithm 1).

    Within a trust region, the best of all policies is pi*(a | s) ~ pi_old(a | s) exp(A(s, a) / temperature)
    (theorem 1), A being the advantage of the Lagrangian. The policy is moved towards it: with rho = pi / pi_old,
    importance weights w and the divergence D of each state, the loss mean(w KL(pi || pi*)) (equation 13) is, up to a
    constant (corollary 1)::

        minimise mean(w 1[D <= radius] (D - rho A / temperature)) - entropy H(pi) / temperature,   D = KL(pi || pi_old)

    States that have left the trust region no longer count; an update ends once the mean divergence leaves it. As A is
    divided by 1 + sum_k lambda_k, the temperature is that of the paper divided by it.
    """

    dual: ClassVar[bool] = True

    lr: float = option(0.002, "Step size of Adam.", low=0.0)
    epochs: int = option(30, "Most gradient steps per update, each on all episodes remembered.", low=1)
    temperature: float = option(0.25, "Weight of the divergence against the advantage (lambda in the paper).", low=1e-6)
    radius: float = option(0.1, "KL of a state from which on it no longer counts, in nats.", low=0.0)
    entropy: float = option(0.0, "Weight of the entropy bonus.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, policy: Policy, generator: torch.Generator) -> "FOCOPSUpdate":
        """Make the update; it draws nothing."""
        del generator
        return FOCOPSUpdate(self, policy)


@final
class FOCOPSUpdate:
    """State of :class:`FOCOPS`: Adam's moments."""

    def __init__(self, spec: FOCOPS, policy: Policy) -> None:
        self.spec, self._policy = spec, policy
        self._adam = Adam(policy.parameters(), lr=spec.lr)

    def improve(self, batch: Batch) -> dict[str, float]:
        """Minimise; returns the steps taken, the final KL divergence and the share of states inside the region."""
        spec = self.spec

        def loss(law: Law) -> Tensor:
            bonus = spec.entropy / spec.temperature * law.entropy().mean()
            return projection_loss(law.kl(batch.old), batch.ratio_B(law), batch, spec) - bonus

        steps, kl = descend(
            self._policy, self._adam, batch.seen, loss, since=batch.old, epochs=spec.epochs, kl=spec.radius
        )
        with torch.no_grad():
            inside_B = self._policy(batch.seen).kl(batch.old) <= spec.radius
        return {"steps": float(steps), "kl": kl, "inside": float(inside_B.double().mean())}

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return moments(self._adam)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        load_moments(self._adam, state)


def projection_loss(divergence_B: Tensor, ratio_B: Tensor, batch: Batch, spec: FOCOPS) -> Tensor:
    """The loss of :class:`FOCOPS`, a scalar.

    Args:
        divergence_B: D of every state.
        ratio_B: rho of every action.
        batch: Advantages and weights.
        spec: Temperature and radius.
    """
    inside_B = (divergence_B.detach() <= spec.radius).to(divergence_B.dtype)
    loss_B = divergence_B - ratio_B * batch.lagrangian_B / spec.temperature
    return (batch.weight_B * inside_B * loss_B).mean()
