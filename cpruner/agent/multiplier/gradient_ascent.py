"""Projected gradient ascent on the dual.

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
class GradientAscent:
    """Projected gradient ascent on the dual: lambda <- clip(lambda + lr * g, 0, cap)."""

    lr: float = option(0.5, "Dual step size, multiplier per unit of violation.", low=0.0)
    cap: float = option(20.0, "Largest multiplier.", low=0.0)
    init: float = option(1.0, "Multiplier before the first update.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, K: int) -> "GradientAscentRule":
        """Make the rule for K constraints."""
        return GradientAscentRule(self, K)


@final
class GradientAscentRule:
    """State of :class:`GradientAscent` for K constraints."""

    def __init__(self, spec: GradientAscent, K: int) -> None:
        self.spec = spec
        self._lambda_K = np.full(K, min(spec.init, spec.cap), dtype=np.float64)

    @property
    def lambda_K(self) -> Array:
        """The present multipliers, shape (K,)."""
        return np.array(self._lambda_K)

    @property
    def saturated_K(self) -> Array:
        """1 where a multiplier is held at its cap."""
        return saturated(self.lambda_K, self.spec.cap)

    def update(self, violation_K: Array) -> Array:
        """Take one projected gradient step."""
        self._lambda_K = np.clip(self._lambda_K + self.spec.lr * violation_K, 0.0, self.spec.cap)
        return self.lambda_K

    def state_dict(self) -> dict[str, Any]:
        """The multipliers."""
        return {"lambda": torch.from_numpy(self._lambda_K.copy())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._lambda_K = state["lambda"].numpy().copy()
