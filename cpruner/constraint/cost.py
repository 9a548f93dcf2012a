"""What a cost is: something that can be measured on a network, with a unit and a spread."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn


@dataclass(frozen=True)
class Sample:
    """One measurement.

    Args:
        value: The cost, in the unit of the cost that was measured.
        spread: Half width of a 95 % interval around ``value``, same unit; 0 for costs that are counted.
    """

    value: float
    spread: float = 0.0

    @classmethod
    def of(cls, values: Sequence[float]) -> "Sample":
        """Median of repeated measurements and its notch, 1.57 IQR / sqrt(n).

        The notch (McGill, Tukey, Larsen 1978, section 7) is a 95 % interval of the median that a few slow outliers
        do not move.

        Args:
            values: At least one measurement, all in one unit.
        """
        median = statistics.median(values)
        if len(values) < 2:
            return cls(float(median))
        low, _, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(float(median), 1.57 * (high - low) / math.sqrt(len(values)))


@runtime_checkable
class Cost(Protocol):
    """A cost of a network: built in, or anything of this shape.

    A cost may run the network but leaves it as it was: weights, gradients, buffers, training flags and the state of
    the random number generators. ``cpruner.testing.check_cost`` checks a cost of your own. One that is not counted is
    measured while no worker of a pool is busy; if others may run beside it, it has an attribute ``quiet = False``. One
    that is the same whatever the weights are has an attribute ``structural = True``.
    """

    @property
    def name(self) -> str:
        """How messages, tables and configuration call it."""
        ...

    @property
    def unit(self) -> str:
        """Unit of ``Sample.value``; may be empty."""
        ...

    @property
    def counted(self) -> str | None:
        """Which exact count predicts it without a measurement: "flops", "macs", "params", or None."""
        ...

    def measure(self, network: nn.Module, example_inputs: tuple[Any, ...]) -> Sample:
        """Measure the cost.

        Args:
            network: The network to measure, on the device it is to be measured on.
            example_inputs: Positional arguments of one forward call.

        Raises:
            CostError: The cost cannot be had, and why.
        """
        ...
