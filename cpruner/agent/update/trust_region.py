"""TRPO on the Lagrangian.

Axis letters: B steps, P parameters that learn.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import torch

from cpruner.agent.policy import Law, Policy
from cpruner.agent.update.batch import Batch
from cpruner.agent.update.natural import Fisher, conjugate_gradient, flat_gradient, learning, line_search
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class TrustRegion:
    """One natural-gradient step on the Lagrangian's advantage (TRPO-Lagrangian; Ray, Achiam and Amodei 2019).

    With rho = pi / pi_old, importance weights w and the advantage A of the Lagrangian::

        maximise L(theta) = mean(w rho A) + entropy H(pi)   subject to   mean KL(pi_old || pi_theta) <= radius

    (Schulman et al. 2015, equation 14, with a bonus that keeps a policy from settling while multipliers are still
    wrong). With the gradient g of L and the Fisher matrix F, conjugate gradients solve F x = g, and the step is
    sqrt(2 radius / (x F x)) x (appendix C). It is shortened by ``shrink`` until L improves and the exact KL is within
    the radius; if that takes more than ``tries``, the policy stays.
    """

    dual: ClassVar[bool] = True

    radius: float = option(0.1, "Largest mean KL(old || new) of an update, in nats.", low=1e-8)
    iterations: int = option(10, "Products with the Fisher matrix per update.", low=1)
    damping: float = option(0.1, "Added to the diagonal of the Fisher matrix.", low=0.0)
    shrink: float = option(0.8, "Factor on the step after a refusal.", low=0.01, high=0.99)
    tries: int = option(15, "Steps tried before the policy is left as it was.", low=1)
    entropy: float = option(0.0, "Weight of the entropy bonus.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, policy: Policy, generator: torch.Generator) -> "TrustRegionUpdate":
        """Make the update; it draws nothing."""
        del generator
        return TrustRegionUpdate(self, policy)


@final
class TrustRegionUpdate:
    """Update of :class:`TrustRegion`; it has no state."""

    def __init__(self, spec: TrustRegion, policy: Policy) -> None:
        self.spec, self._policy = spec, policy

    def improve(self, batch: Batch) -> dict[str, float]:
        """One step; returns the fraction of it that was accepted, what L gained, and the KL divergence."""
        spec, policy = self.spec, self._policy
        before = self._objective(batch, policy(batch.seen))
        slope_P = flat_gradient(before, learning(policy))
        fisher = Fisher(policy, batch.seen, batch.old, spec.damping)
        direction_P = conjugate_gradient(fisher, slope_P, spec.iterations)
        curvature = float(direction_P @ fisher(direction_P))
        scalars = {"steps": 0.0, "kl": 0.0, "fraction": 0.0, "gain": 0.0}
        if curvature <= 0.0:  # nothing to gain
            return scalars

        def accept(law: Law, fraction: float) -> bool:
            gain, kl = self._objective(batch, law) - before, batch.old.kl(law).mean()
            scalars.update(steps=1.0, kl=float(kl), fraction=fraction, gain=float(gain))
            return bool(gain > 0.0) and bool(kl <= spec.radius)

        step_P = math.sqrt(2.0 * spec.radius / curvature) * direction_P
        if not line_search(policy, batch.seen, step_P, accept, spec.shrink, spec.tries):
            scalars.update(steps=0.0, kl=0.0, fraction=0.0, gain=0.0)
        return scalars

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to continue from."""

    def _objective(self, batch: Batch, law: Law) -> torch.Tensor:
        """L, at the policy of the laws."""
        surrogate = (batch.weight_B * batch.ratio_B(law) * batch.lagrangian_B).mean()
        return surrogate + self.spec.entropy * law.entropy().mean()
