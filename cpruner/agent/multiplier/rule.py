"""What turns measured constraint violations into Lagrange multipliers.

Axis letter: K constraints. A violation is g_k = J_k / d_k - 1 (or J_k - d_k), and g_k <= 0 is feasible.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from cpruner.cmdp import Array


class MultiplierRule(Protocol):
    """A controller that turns violations into multipliers, one per constraint."""

    @property
    def lambda_K(self) -> Array:
        """The present multipliers, shape (K,), each in [0, cap]."""
        ...

    @property
    def saturated_K(self) -> Array:
        """1 where a multiplier is held at its cap, 0 elsewhere; a cap of 0 switches multipliers off and holds none."""
        ...

    def update(self, violation_K: Array) -> Array:
        """Take one dual step from whole-episode violations; returns the new ``lambda_K``."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Tensors needed to continue bit-identically."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        ...


class MultiplierSpec(Protocol):
    """Hyper-parameters of a rule."""

    def build(self, K: int) -> MultiplierRule:
        """Make the rule for K constraints."""
        ...


def saturated(lambda_K: Array, cap: float) -> Array:
    """1 where a multiplier has reached a cap above 0, else 0."""
    return np.where((lambda_K >= cap) & (cap > 0.0), 1.0, 0.0)
