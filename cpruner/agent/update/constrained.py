"""Constrained policy optimisation.

Axis letters: B steps, K constraints, V = 1 + K signals (reward first, then costs), P parameters that learn,
D dimensions of the small problem.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import Tensor

from cpruner.agent.policy import Law, Policy
from cpruner.agent.update.batch import Batch
from cpruner.agent.update.least_distance import Answer, solve
from cpruner.agent.update.natural import Fisher, conjugate_gradient, flat_gradient, learning, line_search
from cpruner.cmdp import Array
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Constrained:
    """CPO (Achiam et al. 2017, algorithm 1) with any number of constraints.

    What a policy changes in the reward (k = 0) and in the costs of an episode of T steps is estimated by
    G_k = T mean(w (rho - 1) A_k), with rho = pi / pi_old and importance weights w (equation 10; gamma = 1, so that
    sums over T steps take the place of 1 / (1 - gamma)). With its gradients b_k, the violations g_k = J_k - d_k of the
    new episodes and the Fisher matrix F, the step x is (equation 11)::

        maximise b_0 . x   subject to   g_k + b_k . x <= 0 for all k,   x F x / 2 <= radius

    Its solution is F^-1 (b_0 - sum_k nu_k b_k) / lambda (equation 13): it lies in the span of F^-1 b_0, .., F^-1 b_K,
    which conjugate gradients find, and is sought there, exactly, whatever their error. If no x in the trust region
    meets all constraints, the largest violation max_k(g_k + b_k . x) is minimised instead; for one constraint that is
    the recovery step -sqrt(2 radius / (b F^-1 b)) F^-1 b (equation 14). Costs are in units of their limits, so that
    the largest violation is a fair measure; where constraints contradict one another, violations are evened out, while
    a sum of violations would be blind to their shares.

    The step is shortened by ``shrink`` until the exact KL is within the radius and

    - if the old policy was feasible, G_0 >= 0;
    - no G_k > max(-g_k, 0) + tolerance: none becomes violated, none already violated gets worse;
    - after a recovery step, instead of both, the largest violation fell, of those that a step changes at all.
    """

    dual: ClassVar[bool] = False

    radius: float = option(0.05, "Largest mean KL(old || new) of an update, in nats.", low=1e-8)
    iterations: int = option(10, "Products with the Fisher matrix per signal and update.", low=1)
    damping: float = option(0.1, "Added to the diagonal of the Fisher matrix.", low=0.0)
    tolerance: float = option(0.01, "By how much the line search lets a cost pass, in units of its limit.", low=0.0)
    shrink: float = option(0.8, "Factor on the step after a refusal.", low=0.01, high=0.99)
    tries: int = option(15, "Steps tried before the policy is left as it was.", low=1)

    def __post_init__(self) -> None:
        check(self)

    def build(self, policy: Policy, generator: torch.Generator) -> "ConstrainedUpdate":
        """Make the update; it draws nothing."""
        del generator
        return ConstrainedUpdate(self, policy)


@final
class ConstrainedUpdate:
    """Update of :class:`Constrained`; it has no state."""

    def __init__(self, spec: Constrained, policy: Policy) -> None:
        self.spec, self._policy = spec, policy

    def improve(self, batch: Batch) -> dict[str, float]:
        """One step; returns its fraction and divergence, whether it recovers, and the multipliers of (11).

        ``price/k`` is nu_k, in units of ``Batch.reward_B`` per unit of cost; ``trust`` is lambda, per nat.
        """
        spec, policy = self.spec, self._policy
        step_P, answer = self._step(batch)
        scalars = {"steps": 0.0, "kl": 0.0, "fraction": 0.0, "gain": 0.0}

        def accept(law: Law, fraction: float) -> bool:
            gain_V, kl = gains(batch, law).numpy(), float(batch.old.kl(law).mean())
            scalars.update(steps=1.0, kl=kl, fraction=fraction, gain=float(gain_V[0]))
            allowed = acceptable(gain_V, batch.violation_K.numpy(), answer.feasible, spec.tolerance)
            return allowed and kl <= spec.radius

        if not line_search(policy, batch.seen, step_P, accept, spec.shrink, spec.tries):
            scalars.update(steps=0.0, kl=0.0, fraction=0.0, gain=0.0)
        prices = {f"price/{k}": float(price) for k, price in enumerate(answer.price_K)}
        return {**scalars, **prices, "trust": answer.trust, "recovery": float(not answer.feasible)}

    def state_dict(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing to continue from."""

    def _step(self, batch: Batch) -> tuple[Tensor, Answer]:
        """The step x of equation 11, and the solution of the small problem it is made of."""
        spec, parameters = self.spec, learning(self._policy)
        gain_V = gains(batch, self._policy(batch.seen))
        slope_PV = torch.stack([flat_gradient(gain, parameters, keep=True) for gain in gain_V], dim=1)
        fisher = Fisher(self._policy, batch.seen, batch.old, spec.damping)
        natural_PV = torch.stack(
            [conjugate_gradient(fisher, slope_P, spec.iterations) for slope_P in slope_PV.T], dim=1
        )
        metric_VV = natural_PV.T @ torch.stack([fisher(natural_P) for natural_P in natural_PV.T], dim=1)
        basis_VD = orthonormal(metric_VV.numpy())
        slope_VD = (slope_PV.T @ natural_PV).numpy() @ basis_VD
        answer = solve(slope_VD[0], slope_VD[1:], batch.violation_K.numpy(), math.sqrt(2.0 * spec.radius))
        return natural_PV @ torch.from_numpy(basis_VD @ answer.step_D), answer


def gains(batch: Batch, law: Law) -> Tensor:
    """G_k of :class:`Constrained`, shape (V,)."""
    signal_BV = torch.column_stack([batch.reward_B, batch.cost_BK])
    weight_B = batch.weight_B * (batch.ratio_B(law) - 1.0)
    return batch.length * (weight_B[:, None] * signal_BV).mean(dim=0)


def orthonormal(metric_VV: Array) -> Array:
    """Combinations of V vectors that are orthonormal and span them, shape (V, D), D <= V.

    Args:
        metric_VV: Inner products of the vectors, positive semidefinite.
    """
    metric_VV = 0.5 * (metric_VV + metric_VV.T)
    length_V = np.sqrt(np.maximum(np.diag(metric_VV), 0.0))
    scale_V = np.where(length_V > 0.0, 1.0 / np.where(length_V > 0.0, length_V, 1.0), 0.0)
    value_V, vector_VV = np.linalg.eigh(scale_V[:, None] * metric_VV * scale_V)
    kept_V = value_V > 1e-10 * max(float(value_V.max()), 1e-300)
    return np.asarray(scale_V[:, None] * vector_VV[:, kept_V] / np.sqrt(value_V[kept_V]))


def acceptable(gain_V: Array, violation_K: Array, feasible: bool, tolerance: float) -> bool:
    """Whether the line search of :class:`Constrained` takes a step, but for its divergence.

    Args:
        gain_V: G_k after the step.
        violation_K: g_k before it.
        feasible: Whether the step was meant to meet all constraints.
        tolerance: By how much a cost may pass its bound.
    """
    if not feasible:
        moved_K = gain_V[1:] != 0.0
        after_K = (violation_K + gain_V[1:])[moved_K]
        return bool(moved_K.any()) and bool(after_K.max() < violation_K[moved_K].max())
    kept = bool((gain_V[1:] <= np.maximum(-violation_K, 0.0) + tolerance).all())
    return kept and (bool(gain_V[0] >= 0.0) or bool((violation_K > 0.0).any()))
