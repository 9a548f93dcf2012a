"""Rows: one network of the comparison, one budget, one channel group; plain numbers only."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One network of the comparison. What was not measured is None.

    Args:
        name: How tables and sentences call it: "dense", "uniform", "random", "agent", "agent + fine-tuning".
        search_accuracy: Share of correct answers in [0, 1] on the search split, which the search has looked at.
        test_accuracy: The same on the test split, which nothing has looked at.
        flops: Floating point operations of one forward call on the example inputs.
        macs: Multiply-accumulates of that call, half of ``flops``.
        params: Number of parameters.
        latency_ms: Time of one forward call in milliseconds.
        violation: Largest share of a limit by which a budget is exceeded; 0 if all are met.
        evaluations: Networks that were judged to find this one.
    """

    name: str
    search_accuracy: float | None = None
    test_accuracy: float | None = None
    flops: float | None = None
    macs: float | None = None
    params: float | None = None
    latency_ms: float | None = None
    violation: float | None = None
    evaluations: int = 0

    @property
    def feasible(self) -> bool:
        """Whether it is known to meet every budget."""
        return self.violation == 0


@dataclass(frozen=True)
class BudgetRow:
    """One budget, read on the network that is handed over; ``limit`` and ``value`` are in ``unit``."""

    name: str
    unit: str
    limit: float
    value: float
    satisfied: bool


@dataclass(frozen=True)
class GroupWidth:
    """How many of the ``dense`` channels of one group were ``kept``."""

    name: str
    dense: int
    kept: int
