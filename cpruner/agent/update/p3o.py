"""PPO with an exact penalty on violations.

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
from cpruner.errors import InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class P3O:
    """P3O (Zhang et al. 2022, equation 14): no multipliers, but a penalty that is exact once kappa exceeds them.

    With rho = pi / pi_old, importance weights w, the clipped rho', g_k = J_k - d_k, and s_k the deviation of A_ck::

        minimise -mean(w min(rho A_r, rho' A_r)) + sum_k kappa_k max(0, G_k) / s_k - entropy (1 + sum_k kappa_k) H(pi)
        G_k = g_k / T + mean(w (max(rho A_ck, rho' A_ck) - A_ck))

    T G_k bounds the violation after the update: 1 / T, of the T steps of an episode, is what the paper's (1 - gamma)
    is for gamma = 1. It leaves out mean(w A_ck), which is zero in expectation and not in a small batch. A_r has
    deviation 1; as A_ck / s_k has too, one kappa serves all scales of reward, costs and exploration.

    In the paper kappa is a constant, the same for all constraints, and there is no entropy bonus. A constant far above
    the multipliers keeps costs below their limits, as the penalty counts violations alone, and noise has both signs;
    below the multipliers it is not exact. With a rate, every kappa_k follows what was measured before each update::

        kappa_k <- clip(kappa_k exp(rate clip(g_k / (T s_k), -1, 1)), kappa, kappa_max)
    """

    dual: ClassVar[bool] = False

    lr: float = option(0.002, "Step size of Adam.", low=0.0)
    epochs: int = option(30, "Most gradient steps per update, each on all episodes remembered.", low=1)
    clip: float = option(0.3, "Half width of the trust region of the probability ratio.", low=0.0)
    target_kl: float = option(0.1, "End an update once KL(old || new) exceeds this, in nats.", low=0.0)
    kappa: float = option(5.0, "Weight of a violation, where reward and cost advantages have deviation 1.", low=0.0)
    kappa_rate: float = option(0.0, "How fast that weight follows violations; 0: not at all.", low=0.0)
    kappa_max: float = option(1000.0, "Largest weight of a violation.", low=0.0)
    entropy: float = option(0.0, "Weight of the entropy bonus.", low=0.0)

    def __post_init__(self) -> None:
        check(self)
        if not self.kappa <= self.kappa_max:
            raise InputError(
                "P3O.kappa_max", expected=f"at least kappa, {self.kappa:g}", got=self.kappa_max, remedy="Raise it."
            )
        if self.kappa_rate > 0.0 and self.kappa == 0.0:
            raise InputError(
                "P3O.kappa", expected="above 0, as kappa_rate multiplies it", got=0.0, remedy="Raise it, say to 1."
            )

    def build(self, policy: Policy, generator: torch.Generator) -> "P3OUpdate":
        """Make the update; it draws nothing."""
        del generator
        return P3OUpdate(self, policy)


@final
class P3OUpdate:
    """State of :class:`P3O`: Adam's moments, and the weight of every violation once there are any."""

    def __init__(self, spec: P3O, policy: Policy) -> None:
        self.spec, self._policy = spec, policy
        self._adam = Adam(policy.parameters(), lr=spec.lr)
        self._kappa_K: Tensor | None = None

    def improve(self, batch: Batch) -> dict[str, float]:
        """Minimise; returns the steps taken, the final KL divergence and the penalty left.

        Weights that follow violations are returned, too: ``kappa/k``, and whether any is at its largest (``capped``).
        """
        spec = self.spec
        self._kappa_K = kappa_K = weights(self._kappa_K, batch, spec)
        bonus = spec.entropy * (1.0 + kappa_K.sum())

        def loss(law: Law) -> Tensor:
            ratio_B = batch.ratio_B(law)
            gained = clipped_loss(ratio_B, batch.reward_B, spec.clip, batch.weight_B)
            return gained + kappa_K @ excess(ratio_B, batch, spec.clip) - bonus * law.entropy().mean()

        steps, kl = descend(
            self._policy, self._adam, batch.seen, loss, since=batch.old, epochs=spec.epochs, kl=spec.target_kl
        )
        with torch.no_grad():
            left = float(kappa_K @ excess(batch.ratio_B(self._policy(batch.seen)), batch, spec.clip))
        scalars = {"steps": float(steps), "kl": kl, "penalty": left}
        if spec.kappa_rate > 0.0:
            scalars |= {f"kappa/{k}": weight for k, weight in enumerate(kappa_K.tolist())}
            scalars["capped"] = float((kappa_K >= spec.kappa_max).any())
        return scalars

    def state_dict(self) -> dict[str, Any]:
        """Adam's moments and the weights of violations."""
        return {"adam": moments(self._adam), "kappa": self._kappa_K}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        load_moments(self._adam, state["adam"])
        self._kappa_K = state["kappa"]


def weights(kappa_K: Tensor | None, batch: Batch, spec: P3O) -> Tensor:
    """kappa_k of :class:`P3O` for the next update, shape (K,), without a unit.

    A cost that does not vary counts as a whole deviation above or below its limit.

    Args:
        kappa_K: Of the last update; None before the first.
        batch: Violations and advantages.
        spec: Rate and bounds.
    """
    deviation_K = _deviation_K(batch)
    if kappa_K is None:
        kappa_K = torch.full_like(deviation_K, spec.kappa)
    over_K = (batch.violation_K / batch.length / deviation_K).nan_to_num(0.0).clamp(-1.0, 1.0)
    return (kappa_K * (spec.kappa_rate * over_K).exp()).clamp(spec.kappa, spec.kappa_max)


def excess(ratio_B: Tensor, batch: Batch, clip: float) -> Tensor:
    """max(0, G_k) / s_k of :class:`P3O`, shape (K,); 0 for costs that do not vary.

    Args:
        ratio_B: rho.
        batch: Advantages, weights and violations.
        clip: Half width of the trust region of rho.
    """
    ratio_B1, weight_B1 = ratio_B[:, None], batch.weight_B[:, None]
    clipped_B1 = ratio_B1.clamp(1.0 - clip, 1.0 + clip)
    bound_BK = torch.maximum(ratio_B1 * batch.cost_BK, clipped_B1 * batch.cost_BK)
    excess_K = batch.violation_K / batch.length + (weight_B1 * (bound_BK - batch.cost_BK)).mean(dim=0)
    deviation_K = _deviation_K(batch)
    varies_K = deviation_K > 1e-12
    return torch.where(varies_K, excess_K.clamp(min=0.0) / deviation_K.clamp(min=1e-12), 0.0)


def _deviation_K(batch: Batch) -> Tensor:
    """s_k, shape (K,), in units of the costs, whose advantages are centred."""
    return batch.cost_BK.square().mean(dim=0).sqrt()
