"""PID control of the multipliers.

Axis letter: K constraints. A violation is g_k = J_k / d_k - 1 (or J_k - d_k), and g_k <= 0 is feasible.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from cpruner.agent.multiplier.rule import saturated
from cpruner.cmdp import Array
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class PID:
    """PID control of the multiplier (Stooke, Achiam & Abbeel 2020, algorithm 2), with a cap.

    With the violation g, at most ``bound``, the previous violation g', and (x)+ = max(x, 0)::

        D = (g - g')+
        I = (I + g)+
        lambda = clip(kp * g + ki * I + kd * D, 0, cap)

    Anti-windup: I is not increased in an update whose lambda would exceed the cap, so that a multiplier held
    at the cap falls at once when the violation does. A bound on g keeps a first policy that violates its limit many
    times over from filling I with what takes many updates to come down again; it changes nothing near the limit.
    """

    kp: float = option(2.0, "Proportional gain.", low=0.0)
    ki: float = option(0.12, "Integral gain.", low=0.0)
    kd: float = option(0.0, "Derivative gain; only growing violations count.", low=0.0)
    cap: float = option(20.0, "Largest multiplier.", low=0.0)
    bound: float | None = option(None, "Violation that larger ones count as; null for none.", low=0.0)
    init: float = option(1.0, "Multiplier before the first update; starts the integral at init / ki.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, K: int) -> "PIDRule":
        """Make the rule for K constraints."""
        return PIDRule(self, K)


@final
class PIDRule:
    """State of :class:`PID` for K constraints."""

    def __init__(self, spec: PID, K: int) -> None:
        self.spec = spec
        self._lambda_K = np.full(K, min(spec.init, spec.cap), dtype=np.float64)
        self._integral_K = self._lambda_K / spec.ki if spec.ki > 0 else np.zeros(K)
        self._previous_K: Array | None = None

    @property
    def lambda_K(self) -> Array:
        """The present multipliers, shape (K,)."""
        return np.array(self._lambda_K)

    @property
    def saturated_K(self) -> Array:
        """1 where a multiplier is held at its cap."""
        return saturated(self.lambda_K, self.spec.cap)

    def update(self, violation_K: Array) -> Array:
        """Take one control step."""
        spec = self.spec
        violation_K = violation_K if spec.bound is None else np.minimum(violation_K, spec.bound)
        previous_K = violation_K if self._previous_K is None else self._previous_K
        growth_K = np.maximum(violation_K - previous_K, 0.0)
        integral_K = np.maximum(self._integral_K + violation_K, 0.0)
        wanted_K = spec.kp * violation_K + spec.ki * integral_K + spec.kd * growth_K
        frozen_K = (wanted_K > spec.cap) & (integral_K > self._integral_K)
        self._integral_K = np.where(frozen_K, self._integral_K, integral_K)
        self._previous_K = violation_K.copy()
        self._lambda_K = np.clip(wanted_K, 0.0, spec.cap)
        return self.lambda_K

    def state_dict(self) -> dict[str, Any]:
        """Multipliers, integral and, after the first update, the previous violation."""
        state = {"lambda": self._lambda_K, "integral": self._integral_K}
        if self._previous_K is not None:
            state["previous"] = self._previous_K
        return {name: torch.from_numpy(value.copy()) for name, value in state.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._lambda_K = state["lambda"].numpy().copy()
        self._integral_K = state["integral"].numpy().copy()
        self._previous_K = state["previous"].numpy().copy() if "previous" in state else None
