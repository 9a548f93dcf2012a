"""Reading: what one budget says about one network."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """A measured cost next to its limit.

    Args:
        name: Name of the budget.
        unit: Unit of every number here.
        value: What the network costs.
        spread: Half width of a 95 % interval around ``value``; 0 for costs that are counted.
        limit: The most it may cost.
        dense: What the dense network costs.
    """

    name: str
    unit: str
    value: float
    spread: float
    limit: float
    dense: float

    @property
    def satisfied(self) -> bool:
        """Whether the budget is met: value <= limit, with no tolerance."""
        return self.value <= self.limit

    @property
    def upper(self) -> float:
        """Upper end of the interval: value + spread."""
        return self.value + self.spread

    @property
    def upper_share(self) -> float:
        """Upper end of the interval as a share of the limit; at most 1 is certain."""
        return self.upper / self.limit

    @property
    def certain(self) -> bool:
        """Whether the budget is met by the whole interval: value + spread <= limit."""
        return self.upper <= self.limit

    @property
    def scaled(self) -> float:
        """Cost as a share of its limit; 1 is just met."""
        return self.value / self.limit

    @property
    def violation(self) -> float:
        """By what share of the limit the cost exceeds it: max(0, value / limit - 1)."""
        return max(0.0, self.scaled - 1.0)
