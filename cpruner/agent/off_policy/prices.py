"""One scale for reward and costs, and what a cost is worth: shared by the off-policy agents.

Axis letters: N episodes, B steps, K constraints, V = 1 + K (reward first, then costs).
"""

from collections.abc import Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cpruner.agent.multiplier import MultiplierSpec
from cpruner.agent.off_policy.replay import Transitions
from cpruner.cmdp import Array, Problem
from cpruner.errors import InputError

_EPSILON = 1e-8  # a spread below this is none


def credited(steps: Transitions, baseline_V: Tensor, credit: str) -> Tensor:
    """What every step is answered for, shape (B, V), with the baseline b taken off the totals x of the episode.

    ``step``: x_t as it came, and x_T - b at the last step. ``episode``: x - b at every step, x the sum over the episode
    (He et al. 2018, section 3.2). Taken once off every episode, b does not change what is best at discount 1.
    """
    if credit == "episode":
        return steps.total_BV - baseline_V
    return steps.signal_BV - steps.done_B[:, None] * baseline_V


@final
class Prices:
    """Multipliers, and the units and moving averages of reward and costs.

    A signal x is learned as z = (x - b) / u, where u is the spread of whole-episode totals (``unit``) and b their
    moving average. In these units a multiplier near 1 balances reward against cost, whatever their scales.

    Args:
        problem: Limits.
        multiplier: Rule of the multipliers.
        scale_costs: Whether a violation is J / d - 1; J - d if not.
        unit: ``first``: u is measured once, when learning begins; ``pool``: in all episodes held; ``one``: u = 1.
        baseline: Weight of new episodes in b; with 0, b = 0.

    Raises:
        InputError: If costs are to be scaled by a limit that is not positive.
    """

    def __init__(
        self, problem: Problem, multiplier: MultiplierSpec, *, scale_costs: bool, unit: str, baseline: float
    ) -> None:
        if scale_costs and not all(limit > 0.0 for limit in problem.limits):
            raise InputError(
                "limits of the problem",
                expected="positive numbers",
                got=repr(problem.limits),
                remedy="Set scale_costs=false to measure costs in their own unit.",
            )
        K = len(problem.limits)
        self._limit_K: Array = np.array(problem.limits, dtype=np.float64)
        self._cost_unit_K: Array = self._limit_K if scale_costs else np.ones(K)
        self._choice, self._rate = unit, baseline
        self._rule = multiplier.build(K)
        self._unit_V, self._baseline_V = np.zeros(1 + K), np.zeros(1 + K)  # a unit of 0: not known yet
        self._began = False

    @property
    def weight_V(self) -> Tensor:
        """(1, -lambda_1, ..., -lambda_K) / (1 + sum_k lambda_k): the Lagrangian of signals in their units."""
        lambda_K = self._rule.lambda_K
        return torch.from_numpy(np.concatenate([[1.0], -lambda_K]) / (1.0 + lambda_K.sum()))

    @property
    def multipliers(self) -> tuple[float, ...]:
        """lambda_K in the problem's own units, reward per unit of cost; 0 while nothing is measured and so priced."""
        unit_V = self._known_V
        if not self._began:
            return (0.0,) * (len(unit_V) - 1)
        return tuple((self._rule.lambda_K * unit_V[0] / unit_V[1:]).tolist())

    @property
    def saturated_K(self) -> Array:
        """1 where a multiplier is held at its cap, else 0."""
        return self._rule.saturated_K

    def violation(self, total_NV: Tensor) -> Array:
        """g_K of episodes, from their totals; feasible is <= 0."""
        mean_K = total_NV[:, 1:].mean(dim=0).numpy()
        return np.asarray((mean_K - self._limit_K) / self._cost_unit_K)

    def charge(self, violation_K: Array) -> None:
        """One dual step."""
        self._rule.update(violation_K)

    def measure(self, fresh_NV: Tensor, held_NV: Tensor) -> None:
        """Units and averages follow.

        Args:
            fresh_NV: Totals of the episodes just played.
            held_NV: Totals of all episodes held.
        """
        held: Array = held_NV.numpy()
        if self._choice != "one":
            spread_V = held.std(axis=0)
            spread_V = np.where(spread_V > _EPSILON, spread_V, 0.0)
            keep_V = (self._unit_V > 0.0) & ((spread_V == 0.0) | (self._choice == "first"))
            self._unit_V = np.where(keep_V, self._unit_V, spread_V)
        if self._rate > 0.0:
            before_V = self._baseline_V if self._began else held.mean(axis=0)
            self._baseline_V = before_V + self._rate * (fresh_NV.mean(dim=0).numpy() - before_V)
        self._began = True

    def signal(self, steps: Transitions, credit: str) -> Tensor:
        """Z of every step, shape (B, V)."""
        return credited(steps, torch.from_numpy(self._baseline_V), credit) / torch.from_numpy(self._known_V)

    def state_dict(self) -> dict[str, Any]:
        """Rule, units and averages."""
        return {
            "rule": self._rule.state_dict(),
            "unit": torch.from_numpy(self._unit_V.copy()),
            "baseline": torch.from_numpy(self._baseline_V.copy()),
            "began": self._began,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from ``state_dict()``."""
        self._rule.load_state_dict(state["rule"])
        self._unit_V, self._baseline_V = state["unit"].numpy().copy(), state["baseline"].numpy().copy()
        self._began = bool(state["began"])

    @property
    def _known_V(self) -> Array:
        return np.where(self._unit_V > 0.0, self._unit_V, 1.0)
