"""History: what the search saw, evaluation by evaluation and update by update."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class History:
    """The course of a search, E evaluations and U updates long.

    Args:
        accuracy: Search accuracy of each evaluated network, length E, whatever the agent is paid.
        scaled: Name of a budget -> cost / limit of each evaluated network, each of length E; met at 1 or below.
        multipliers: Name of a budget -> Lagrange multiplier after each update, each of length U.
        ratios: Name of a group -> share of its channels kept by each evaluated network, each of length E.
        scalars: Name of a diagnostic of the agent -> its value after each update, each of length U; NaN where an update
            did not report it.
    """

    accuracy: tuple[float, ...] = ()
    scaled: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    multipliers: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    ratios: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    scalars: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    @property
    def feasible(self) -> tuple[bool, ...]:
        """Whether each evaluated network met every budget."""
        return tuple(all(costs[index] <= 1 for costs in self.scaled.values()) for index in range(len(self.accuracy)))

    @property
    def best_feasible(self) -> tuple[float, ...]:
        """Largest accuracy so far among networks that met every budget; NaN before the first."""
        best, course = math.nan, []
        for accuracy, met in zip(self.accuracy, self.feasible, strict=True):
            if met and not accuracy <= best:
                best = accuracy
            course.append(best)
        return tuple(course)
