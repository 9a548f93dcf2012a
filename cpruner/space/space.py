"""The pruning space: groups, what is frozen, and the candidates one can make."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from cpruner.errors import InputError
from cpruner.space.algebra import Algebra, Counts
from cpruner.space.candidate import Candidate, keep_best
from cpruner.space.group import Frozen, Group
from cpruner.space.plan import Plan
from cpruner.space.ranking import Ranking


@dataclass(frozen=True)
class PruningSpace:
    """What can be removed from one network.

    Args:
        groups: Channels that are decided together, in network order.
        frozen: Axes that keep indices, with the reason.
        plan: How to cut a candidate out of the network.
        algebra: Exact counts of any choice of widths.
        ranking: Channel order used when only widths are given.
        multiple_of: Widths are multiples of this, where the group is large enough.
        min_width: Smallest width.
    """

    groups: tuple[Group, ...]
    frozen: tuple[Frozen, ...]
    plan: Plan = field(repr=False)
    algebra: Algebra = field(repr=False, compare=False)
    ranking: Ranking = field(repr=False)
    multiple_of: int = 1
    min_width: int = 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """Dense width of every group."""
        return self.plan.sizes

    def ranked(self, ranking: Ranking) -> "PruningSpace":
        """The same space with another channel order."""
        return replace(self, ranking=ranking)

    def widths(self, ratios: Sequence[float]) -> tuple[int, ...]:
        """Round keep ratios to the nearest legal widths: dense, or multiples of ``multiple_of`` from ``min_width`` on.

        Args:
            ratios: One keep ratio in [0, 1] per group.

        Raises:
            InputError: Wrong number of ratios, or one outside [0, 1].
        """
        if len(ratios) != len(self.groups):
            raise InputError(
                "ratios", expected=f"{len(self.groups)} numbers", got=len(ratios), remedy="Give one per group."
            )
        for group, ratio in zip(self.groups, ratios, strict=True):
            if not 0.0 <= ratio <= 1.0:
                raise InputError(
                    f"keep ratio of '{group.name}'", expected="a number in [0, 1]", got=ratio, remedy="Clip it first."
                )
        return tuple(self._width(size, ratio) for size, ratio in zip(self.sizes, ratios, strict=True))

    def _width(self, size: int, ratio: float) -> int:
        step, wanted = self.multiple_of, ratio * size
        lowest = -(-max(self.min_width, 1) // step) * step
        width = max(round(wanted / step) * step, lowest)
        return size if width >= size or size - wanted <= abs(width - wanted) else width

    def at(self, ratios: Sequence[float]) -> Candidate:
        """The candidate with one keep ratio per group, best-ranked channels first."""
        return keep_best(self.plan, self.ranking, self.widths(ratios))

    def uniform(self, ratio: float) -> Candidate:
        """The same keep ratio everywhere."""
        return self.at([ratio] * len(self.groups))

    def dense(self) -> Candidate:
        """Nothing removed."""
        return keep_best(self.plan, self.ranking, self.sizes)

    def smallest(self) -> Candidate:
        """The narrowest legal candidate."""
        return self.uniform(0.0)

    def random(self, generator: np.random.Generator, low: float = 0.0) -> Candidate:
        """Keep ratios drawn independently and uniformly from [low, 1]."""
        return self.at([float(ratio) for ratio in generator.uniform(low, 1.0, len(self.groups))])

    def count(self, candidate: Candidate) -> Counts:
        """Exact FLOPs and multiply-adds (for the example inputs of the trace) and parameters of a candidate."""
        return self.algebra.counts(candidate.widths)

    def __str__(self) -> str:
        lines = [f"{len(self.groups)} groups, {sum(self.sizes)} channels"]
        for group in self.groups:
            lines.append(f"  {group.name:<28} {group.size:>5} channels, {len(group.members)} tensor axes")
        if self.frozen:
            lines.append(f"{len(self.frozen)} tensor axes keep channels:")
        lines += [f"  {f.tensor}[{f.axis}]: {f.kept} of {f.size} stay: {f.reason}" for f in self.frozen]
        return "\n".join(lines)
