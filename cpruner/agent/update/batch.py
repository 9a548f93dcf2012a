"""What a policy update learns from.

Axis letters: N episodes, B steps of all episodes together, A action components, K constraints.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, final

import torch
from torch import Tensor

from cpruner.agent.policy import Law, Policy
from cpruner.agent.sequences import Sequences


@final
@dataclass(frozen=True)
class Batch:
    """Steps of whole episodes and how good they were.

    Args:
        seen: Normalised observations.
        action_BA: Actions as drawn.
        reward_B: Advantages of the reward, centred, with unit variance.
        cost_BK: Advantages of the costs, centred, in units of the costs.
        violation_K: g_k = J_k - d_k of the new episodes, in the same units; feasible is <= 0.
        lambda_K: Multipliers.
        price_K: What one unit of a cost is worth in units of ``reward_B``: a multiplier in the units of this batch.
        weight_B: Importance weights against the policies that played.
        old: Laws before this update, without gradient.
        length: Mean number of steps of an episode.
    """

    seen: Sequences
    action_BA: Tensor
    reward_B: Tensor
    cost_BK: Tensor
    violation_K: Tensor
    lambda_K: Tensor
    price_K: Tensor
    weight_B: Tensor
    old: Law
    length: float

    @cached_property
    def old_log_prob_B(self) -> Tensor:
        """Log probabilities of the actions before this update."""
        with torch.no_grad():
            return self.old.log_prob(self.action_BA)

    @property
    def scale(self) -> Tensor:
        """1 + sum_k lambda_k, which keeps steps bounded when a multiplier grows (Stooke, Achiam and Abbeel 2020)."""
        return 1.0 + self.lambda_K.sum()

    @property
    def lagrangian_B(self) -> Tensor:
        """Advantage of the Lagrangian: (A_r - sum_k price_k A_ck) / (1 + sum_k lambda_k)."""
        return (self.reward_B - self.cost_BK @ self.price_K) / self.scale

    def ratio_B(self, law: Law) -> Tensor:
        """Probability ratios rho = pi / pi_old of the actions."""
        return (law.log_prob(self.action_BA) - self.old_log_prob_B).exp()


class PolicyUpdate(Protocol):
    """Improves a policy in place."""

    def improve(self, batch: Batch) -> dict[str, float]:
        """One update; returns diagnostics, ``kl`` and ``steps`` among them."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """What is needed to continue bit-identically, besides the policy itself."""
        ...

    def load_state_dict(self, state: Any) -> None:
        """Continue from ``state_dict()``."""
        ...


class UpdateSpec(Protocol):
    """Hyper-parameters of a policy update."""

    @property
    def dual(self) -> bool:
        """Whether it wants multipliers; one that handles constraints itself gets none."""
        ...

    def build(self, policy: Policy, generator: torch.Generator) -> PolicyUpdate:
        """Make the update of this policy."""
        ...
