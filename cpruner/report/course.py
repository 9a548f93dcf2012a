"""Course: collects the history of a search while it runs."""

import math
from collections.abc import Mapping, Sequence
from typing import final

from cpruner.report.history import History


@final
class Course:
    """What was seen of a search so far, one entry per evaluation and per update."""

    def __init__(self) -> None:
        self._accuracies: list[float] = []
        self._scaled: list[Mapping[str, float]] = []
        self._ratios: list[Mapping[str, float]] = []
        self._multipliers: list[Mapping[str, float]] = []
        self._scalars: list[Mapping[str, float]] = []

    def __len__(self) -> int:
        """Evaluations seen."""
        return len(self._accuracies)

    def judged(self, accuracy: float, scaled: Mapping[str, float], ratios: Mapping[str, float]) -> None:
        """Add an evaluation.

        Args:
            accuracy: Search accuracy of the network.
            scaled: Name of a budget -> cost / limit.
            ratios: Name of a group -> share of its channels kept.
        """
        self._accuracies.append(accuracy)
        self._scaled.append(dict(scaled))
        self._ratios.append(dict(ratios))

    def learnt(self, multipliers: Mapping[str, float], scalars: Mapping[str, float]) -> None:
        """Add an update.

        Args:
            multipliers: Name of a budget -> Lagrange multiplier after it.
            scalars: The agent's own diagnostics.
        """
        self._multipliers.append(dict(multipliers))
        self._scalars.append(dict(scalars))

    def feasible_share(self, last: int) -> float:
        """Share of networks that met every budget, among the ``last`` ones; NaN before the first."""
        recent = self._scaled[-last:]
        met = [all(cost <= 1 for cost in scaled.values()) for scaled in recent]
        return sum(met) / len(met) if met else math.nan

    @property
    def history(self) -> History:
        """Everything seen so far."""
        return History(
            accuracy=tuple(self._accuracies),
            scaled=_columns(self._scaled),
            multipliers=_columns(self._multipliers),
            ratios=_columns(self._ratios),
            scalars=_columns(self._scalars),
        )


def _columns(rows: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, ...]]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: tuple(row.get(name, math.nan) for row in rows) for name in names}
