"""One entry: cut and refit candidates of one network."""

from dataclasses import replace
from typing import final

import torch
from torch import nn

from cpruner.candidate import Candidate, Surgeon
from cpruner.errors import InputError
from cpruner.repair.recalibrate import recalibrate
from cpruner.repair.sequential import sequential
from cpruner.repair.spec import Repair
from cpruner.repair.static import StaticRefit
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
        self.spec, self.statistics = spec, statistics
        self._surgeon = Surgeon(model, space.plan)
        layers = list(statistics.layers.values())
        self._static = StaticRefit(model, layers, space.plan, space.ranking, spec)

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
            small = self._surgeon(candidate).eval()
            if chosen == "static":
                self._static(small, candidate)
            elif chosen == "sequential":
                sequential(small, candidate, self.statistics, self._static, self.spec)
            elif chosen == "recalibrate":
                recalibrate(small, self.statistics.entering)
        return small
