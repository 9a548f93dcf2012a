"""PI control of the multipliers on smoothed violations.

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
class NuPI:
    """nuPI (Sohrabi et al. 2024, algorithm 1), projected onto [0, cap].

    With the violation g and its moving average x, which starts at the first violation::

        x'     = nu * x + (1 - nu) * g
        lambda = clip(lambda + ki * g + kp * (x' - x), 0, cap)

    As the multiplier itself is the integral, a clipped one does not wind up.
    """

    kp: float = option(1.0, "Proportional gain, on changes of the smoothed violation.", low=0.0)
    ki: float = option(0.3, "Integral gain, multiplier per unit of violation.", low=0.0)
    nu: float = option(0.5, "Weight of the past in the smoothed violation.", low=-1.0, high=1.0)
    cap: float = option(20.0, "Largest multiplier.", low=0.0)
    init: float = option(1.0, "Multiplier before the first update.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, K: int) -> "NuPIRule":
        """Make the rule for K constraints."""
        return NuPIRule(self, K)


@final
class NuPIRule:
    """State of :class:`NuPI` for K constraints."""

    def __init__(self, spec: NuPI, K: int) -> None:
        self.spec = spec
        self._lambda_K = np.full(K, min(spec.init, spec.cap), dtype=np.float64)
        self._smooth_K: Array | None = None

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
        before_K = violation_K if self._smooth_K is None else self._smooth_K
        self._smooth_K = spec.nu * before_K + (1.0 - spec.nu) * violation_K
        step_K = spec.ki * violation_K + spec.kp * (self._smooth_K - before_K)
        self._lambda_K = np.clip(self._lambda_K + step_K, 0.0, spec.cap)
        return self.lambda_K

    def state_dict(self) -> dict[str, Any]:
        """Multipliers and, after the first update, the smoothed violation."""
        state = {"lambda": self._lambda_K}
        if self._smooth_K is not None:
            state["smooth"] = self._smooth_K
        return {name: torch.from_numpy(value.copy()) for name, value in state.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._lambda_K = state["lambda"].numpy().copy()
        self._smooth_K = state["smooth"].numpy().copy() if "smooth" in state else None
