"""One entry: cut and refit candidates of one network."""

from dataclasses import replace
from functools import cached_property
from typing import Any, final

import torch
from torch import nn

from cpruner.candidate import Candidate, Surgeon
from cpruner.errors import InputError
from cpruner.repair.recalibrate import recalibrate
from cpruner.repair.refit import StaticRefit, sequential
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Statistics
from cpruner.space import PruningSpace


@final
class Repairer:
    """Builds repaired candidates; what all of them need is made once.

    Args:
        model: The dense network, which stays untouched.
        space: Its space; the refit is fastest for candidates that keep the best-ranked channels.
        statistics: Of the dense network.
        spec: Mode and options.
    """

    def __init__(self, model: nn.Module, space: PruningSpace, statistics: Statistics, spec: Repair) -> None:
        self.model, self.space, self.statistics, self.spec = model, space, statistics, spec

    @cached_property
    def surgeon(self) -> Surgeon:
        """What cuts the candidates out of the dense network."""
        return Surgeon(self.model, self.space.plan)

    @cached_property
    def static(self) -> StaticRefit:
        """What refits them on dense moments."""
        layers = list(self.statistics.layers.values())
        return StaticRefit(self.model, layers, self.space.plan, self.space.ranking, self.spec)

    def __call__(self, candidate: Candidate, mode: str | None = None) -> nn.Module:
        """Cut a candidate and refit it.

        Args:
            candidate: What to keep.
            mode: Another mode than the spec's.

        Returns:
            The smaller network in eval mode.

        Raises:
            InputError: There is no such mode; or it is sequential, and the statistics were gathered for another.
            ArtefactError: The candidate is one of another network.
        """
        chosen = self.spec.mode if mode is None else replace(self.spec, mode=mode).mode
        if chosen == "sequential" and self.statistics.mode != chosen:
            raise InputError(
                "statistics",
                expected="some that were gathered for a sequential refit",
                got=f"some for mode {self.statistics.mode}",
                remedy='Gather them with Repair(mode="sequential"): they serve every mode.',
            )
        with torch.inference_mode(False), torch.no_grad():
            small = self.surgeon(candidate).eval()
            if chosen == "static":
                self.static(small, candidate)
            elif chosen == "sequential":
                sequential(small, candidate, self.statistics, self.static, self.spec)
            elif chosen == "recalibrate":
                recalibrate(small, self.statistics.entering)
        return small

    def __getstate__(self) -> dict[str, Any]:
        """Without what is made once: it is made anew where this arrives."""
        return {name: self.__dict__[name] for name in ("model", "space", "statistics", "spec")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Start with nothing made."""
        self.__dict__.update(state)
