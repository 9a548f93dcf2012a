"""A multiplier behind a softplus, moved by Adam: paper 1's rule.

Axis letter: K constraints. A violation is g_k = J_k / d_k - 1 (or J_k - d_k), and g_k <= 0 is feasible.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from scipy.special import expit

from cpruner.agent.multiplier.rule import saturated
from cpruner.cmdp import Array
from cpruner.spec import check, option

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8


@final
@dataclass(frozen=True)
class SoftplusAdam:
    """lambda = softplus(x), x moved by Adam along lambda * g (Malik et al. 2022, by their published code).

    The gradient is that of the product softplus(x) * g. Adam's steps do not depend on the size of the violation, so
    with their step of 1 the multiplier overshoots and winds up; it is here to reproduce the paper. The cap is ours.
    """

    lr: float = option(1.0, "Step size of Adam.", low=0.0)
    init: float = option(1.0, "Multiplier before the first update.", low=1e-6)
    cap: float = option(1000.0, "Largest multiplier.", low=0.0)

    def __post_init__(self) -> None:
        check(self)

    def build(self, K: int) -> "SoftplusAdamRule":
        """Make the rule for K constraints."""
        return SoftplusAdamRule(self, K)


@final
class SoftplusAdamRule:
    """State of :class:`SoftplusAdam` for K constraints."""

    def __init__(self, spec: SoftplusAdam, K: int) -> None:
        self.spec = spec
        self._raw_K = np.full(K, math.log(math.expm1(spec.init)), dtype=np.float64)
        self._mean_K, self._square_K = np.zeros(K), np.zeros(K)
        self._steps = 0

    @property
    def lambda_K(self) -> Array:
        """The present multipliers, shape (K,)."""
        return np.asarray(np.minimum(np.logaddexp(0.0, self._raw_K), self.spec.cap))

    @property
    def saturated_K(self) -> Array:
        """1 where a multiplier is held at its cap."""
        return saturated(self.lambda_K, self.spec.cap)

    def update(self, violation_K: Array) -> Array:
        """Take one step of Adam (Kingma and Ba 2015, algorithm 1)."""
        slope_K = violation_K * expit(self._raw_K)
        self._steps += 1
        self._mean_K = _BETA1 * self._mean_K + (1.0 - _BETA1) * slope_K
        self._square_K = _BETA2 * self._square_K + (1.0 - _BETA2) * slope_K**2
        mean_K = self._mean_K / (1.0 - _BETA1**self._steps)
        square_K = self._square_K / (1.0 - _BETA2**self._steps)
        self._raw_K = self._raw_K + self.spec.lr * mean_K / (np.sqrt(square_K) + _EPSILON)
        return self.lambda_K

    def state_dict(self) -> dict[str, Any]:
        """The raw multipliers and Adam's moments."""
        state = {"raw": self._raw_K, "mean": self._mean_K, "square": self._square_K}
        return {name: torch.from_numpy(value.copy()) for name, value in state.items()} | {"steps": self._steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._raw_K, self._mean_K, self._square_K = (state[name].numpy().copy() for name in ("raw", "mean", "square"))
        self._steps = int(state["steps"])
