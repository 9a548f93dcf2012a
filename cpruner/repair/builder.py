"""From a candidate to its repaired network: all that takes, as one value that can be sent to another process."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

from torch import nn

from cpruner.candidate import Candidate, Plan, Surgeon
from cpruner.repair.apply import repaired
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Statistics


@dataclass(frozen=True)
class Builder:
    """Builds repaired smaller networks.

    Args:
        model: The dense network, which stays untouched.
        plan: Its surgery plan.
        statistics: Of the dense network.
        repair: Mode and options.
    """

    model: nn.Module
    plan: Plan
    statistics: Statistics
    repair: Repair

    @cached_property
    def surgeon(self) -> Surgeon:
        """What cuts the candidates out of the dense network."""
        return Surgeon(self.model, self.plan)

    def __call__(self, candidate: Candidate) -> nn.Module:
        """The repaired smaller network of a candidate."""
        return repaired(self.surgeon, candidate, self.statistics, self.repair)

    def __getstate__(self) -> dict[str, Any]:
        """Without the surgeon, which is made anew where it arrives."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
