"""The plain policy gradient.

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
class PolicyGradient:
    """Likelihood-ratio gradient steps on the Lagrangian's advantage A (REINFORCE; Williams 1992, section 4).

    With rho = pi / pi_old and importance weights w::

        maximise mean(w rho A) + entropy H(pi)

    As rho = 1 before the first step, its gradient is mean(w A grad log pi). With ``steps`` = 1 and no reuse this is
    REINFORCE itself. Later steps on the same episodes weigh each action by how likely it has become.
    """

    dual: ClassVar[bool] = True

    lr: float = option(0.003, "Step size of Adam.", low=0.0)
    steps: int = option(5, "Gradient steps per update, each on all episodes remembered.", low=1)
    entropy: float = option(0.0, "Weight of the entropy bonus.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, policy: Policy, generator: torch.Generator) -> "PolicyGradientUpdate":
        """Make the update; it draws nothing."""
        del generator
        return PolicyGradientUpdate(self, policy)


@final
class PolicyGradientUpdate:
    """State of :class:`PolicyGradient`: Adam's moments."""

    def __init__(self, spec: PolicyGradient, policy: Policy) -> None:
        self.spec, self._policy = spec, policy
        self._adam = Adam(policy.parameters(), lr=spec.lr)

    def improve(self, batch: Batch) -> dict[str, float]:
        """Take the steps; returns their number and the KL divergence."""
        spec = self.spec

        def loss(law: Law) -> Tensor:
            gain = (batch.weight_B * batch.ratio_B(law) * batch.lagrangian_B).mean()
            return -gain - spec.entropy * law.entropy().mean()

        steps, kl = descend(
            self._policy, self._adam, batch.seen, loss, since=batch.old, epochs=spec.steps, kl=float("inf")
        )
        return {"steps": float(steps), "kl": kl}

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments."""
        return moments(self._adam)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        load_moments(self._adam, state)
