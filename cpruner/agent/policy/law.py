"""What a policy does in several states: a distribution over actions in [0, 1] for each.

Axis letters: B states, A action components, L levels, Q nodes of a quadrature.
"""

import math
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, kl_divergence

_NODES = 24
_EDGE = 1e-9  # an action this close to 0 or 1 is where the sigmoid ends in float64


class Map(Protocol):
    """From what is drawn to an action, and back."""

    def forward(self, drawn_BA: Tensor) -> Tensor:
        """Actions."""
        ...

    def inverse(self, action_BA: Tensor) -> Tensor:
        """What was drawn."""
        ...

    def log_slope(self, action_BA: Tensor) -> Tensor:
        """Logarithm of d action / d drawn, per component; 0 where the draw is discrete."""
        ...

    def mean_log_slope(self, components: Distribution) -> Tensor:
        """Its expectation under the components, per component."""
        ...

    def spread(self, components: Distribution) -> Tensor:
        """Standard deviation of the action, per component."""
        ...


@final
@dataclass(frozen=True)
class Identity:
    """The draw is the action.

    Args:
        edge: Actions are kept this far from 0 and 1, where a density on [0, 1] may be infinite; None keeps them.
    """

    edge: float | None = None

    def forward(self, drawn_BA: Tensor) -> Tensor:
        """The same."""
        return drawn_BA if self.edge is None else drawn_BA.clamp(self.edge, 1.0 - self.edge)

    def inverse(self, action_BA: Tensor) -> Tensor:
        """The same."""
        return self.forward(action_BA)

    def log_slope(self, action_BA: Tensor) -> Tensor:
        """0."""
        return torch.zeros_like(action_BA)

    def mean_log_slope(self, components: Distribution) -> Tensor:
        """0."""
        del components
        return torch.zeros((), dtype=torch.float64)

    def spread(self, components: Distribution) -> Tensor:
        """That of the draw."""
        return components.stddev


@final
class Sigmoid:
    """action = 1 / (1 + exp(-z)) with z normal."""

    def forward(self, drawn_BA: Tensor) -> Tensor:
        """Actions inside (0, 1)."""
        return torch.sigmoid(drawn_BA).clamp(_EDGE, 1.0 - _EDGE)

    def inverse(self, action_BA: Tensor) -> Tensor:
        """Log odds."""
        return torch.logit(action_BA.clamp(_EDGE, 1.0 - _EDGE))

    def log_slope(self, action_BA: Tensor) -> Tensor:
        """log(a (1 - a))."""
        inside_BA = action_BA.clamp(_EDGE, 1.0 - _EDGE)
        return inside_BA.log() + torch.log1p(-inside_BA)

    def mean_log_slope(self, components: Distribution) -> Tensor:
        """By Gauss-Hermite quadrature."""
        nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES)
        node_Q, weight_Q = torch.from_numpy(nodes), torch.from_numpy(weights / math.sqrt(2.0 * math.pi))
        z_BAQ = components.mean[..., None] + components.stddev[..., None] * node_Q
        slope_BAQ = -torch.nn.functional.softplus(z_BAQ) - torch.nn.functional.softplus(-z_BAQ)
        return slope_BAQ @ weight_Q

    def spread(self, components: Distribution) -> Tensor:
        """By the slope at the mean."""
        action_BA = torch.sigmoid(components.mean)
        return components.stddev * action_BA * (1.0 - action_BA)


@final
@dataclass(frozen=True)
class Levels:
    """action = index / (L - 1).

    Args:
        count: L.
    """

    count: int

    def forward(self, drawn_BA: Tensor) -> Tensor:
        """One of L levels."""
        return drawn_BA.to(torch.float64) / (self.count - 1)

    def inverse(self, action_BA: Tensor) -> Tensor:
        """The nearest index."""
        return (action_BA * (self.count - 1)).round().clamp(0, self.count - 1)

    def log_slope(self, action_BA: Tensor) -> Tensor:
        """0: probabilities are of indices."""
        return torch.zeros_like(action_BA)

    def mean_log_slope(self, components: Distribution) -> Tensor:
        """0."""
        del components
        return torch.zeros((), dtype=torch.float64)

    def spread(self, components: Distribution) -> Tensor:
        """From the probabilities of the levels."""
        if not isinstance(components, Categorical):
            return components.stddev
        level_L = torch.linspace(0.0, 1.0, self.count, dtype=torch.float64)
        mean_BA = components.probs @ level_L
        return (components.probs @ level_L.square() - mean_BA.square()).clamp(min=0.0).sqrt()


@final
@dataclass(frozen=True)
class Law:
    """Independent components of one kind in B states.

    Args:
        components: A torch distribution of batch shape (B, A).
        centre_BA: The action without exploration.
        map: From draws to actions.
    """

    components: Distribution
    centre_BA: Tensor
    map: Map

    def sample(self, generator: torch.Generator) -> Tensor:
        """Draw actions, shape (B, A).

        torch's distributions draw from the global generator: it is lent a seed, and gets its own state back.
        """
        seed = int(torch.randint(2**62, (), generator=generator))
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.map.forward(self.components.sample())

    def log_prob(self, action_BA: Tensor) -> Tensor:
        """Log density (or probability) of whole actions, shape (B,)."""
        drawn_BA = self.components.log_prob(self.map.inverse(action_BA))
        return (drawn_BA - self.map.log_slope(action_BA)).sum(dim=-1)

    def entropy(self) -> Tensor:
        """In nats, shape (B,); of a density it may be negative."""
        return (self.components.entropy() + self.map.mean_log_slope(self.components)).sum(dim=-1)

    def spread(self) -> Tensor:
        """Standard deviation of every action component, shape (B, A), to first order where the map bends."""
        return self.map.spread(self.components)

    def kl(self, other: "Law") -> Tensor:
        """KL(self || other) in every state, in nats, exact, shape (B,); the map is the same and drops out."""
        return kl_divergence(self.components, other.components).sum(dim=-1)
