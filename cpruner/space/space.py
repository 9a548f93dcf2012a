"""The pruning space: groups, what is frozen, and the candidates one can make."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from cpruner.candidate import Candidate, Plan, keep_best
from cpruner.errors import InputError
from cpruner.space.algebra import Algebra, Counts
from cpruner.space.group import Across, Frozen, Group, Rewritten
from cpruner.space.ranking import Ranking
from cpruner.space.rounding import Rounding

if TYPE_CHECKING:
    from cpruner.space.proof.verify import Proof


@dataclass(frozen=True)
class PruningSpace:
    """What can be removed from one network.

    Args:
        groups: Channels that are decided together, in network order.
        frozen: Axes that keep indices, with the reason.
        plan: How to cut a candidate out of the network.
        algebra: Exact counts of any choice of widths.
        ranking: Channel order used when only widths are given.
        norms: Every computation of means and variances in the order in which they run.
        rounding: Which widths are legal.
        rewritten: Modules that run a program instead of their own code, and why.
    """

    groups: tuple[Group, ...]
    frozen: tuple[Frozen, ...]
    plan: Plan = field(repr=False)
    algebra: Algebra = field(repr=False, compare=False)
    ranking: Ranking = field(repr=False)
    norms: tuple[Across, ...] = field(default=(), repr=False)
    rounding: Rounding = Rounding()
    rewritten: tuple[Rewritten, ...] = ()

    @property
    def sizes(self) -> tuple[int, ...]:
        """Dense width of every group."""
        return self.plan.sizes

    def ranked(self, ranking: Ranking) -> "PruningSpace":
        """The same space with another channel order."""
        return replace(self, ranking=ranking)

    def widths(self, ratios: Sequence[float]) -> tuple[int, ...]:
        """Round keep ratios to the nearest legal widths.

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
        return tuple(self.widths_of(np.array([ratios], dtype=np.float64))[0].tolist())

    def widths_of(self, ratio_NG: NDArray[np.float64]) -> NDArray[np.int64]:
        """The nearest legal widths of N choices of keep ratios at once, shape (N, G); the ratios are not checked."""
        steps = np.array([group.step for group in self.groups], dtype=np.int64)
        return self.rounding.widths(np.array(self.sizes, dtype=np.int64), ratio_NG, steps)

    def rounded(self, ratios: Sequence[float]) -> str:
        """Where the width of a group is not the nearest integer that was asked for, and why: one line each."""
        lines = []
        for group, ratio, width in zip(self.groups, ratios, self.widths(ratios), strict=True):
            if round(ratio * group.size) != width:
                asked = round(ratio * group.size)
                why = self.rounding.why(group.step, width == group.size)
                lines.append(f"{group.name}: asked {asked} of {group.size}, got {width}, because {why}")
        return "\n".join(lines)

    def at(self, ratios: Sequence[float]) -> Candidate:
        """The candidate with one keep ratio per group, best-ranked channels first."""
        return self.best(self.widths(ratios))

    def best(self, widths: Sequence[int]) -> Candidate:
        """The candidate with these widths, best-ranked channels first."""
        return keep_best(self.plan, self.ranking, widths)

    def uniform(self, ratio: float) -> Candidate:
        """The same keep ratio everywhere."""
        return self.at([ratio] * len(self.groups))

    def dense(self) -> Candidate:
        """Nothing removed."""
        return self.best(self.sizes)

    def smallest(self) -> Candidate:
        """The narrowest legal candidate."""
        return self.uniform(0.0)

    def random(self, generator: np.random.Generator, low: float = 0.0) -> Candidate:
        """Keep ratios drawn independently and uniformly from [low, 1]."""
        return self.at([float(ratio) for ratio in generator.uniform(low, 1.0, len(self.groups))])

    def count(self, candidate: Candidate) -> Counts:
        """Exact FLOPs and multiply-adds (for the example inputs of the trace) and parameters of a candidate."""
        return self.algebra.counts(candidate.widths)

    def explain(self, name: str) -> str:
        """What can go of one module or tensor, together with what, and why the rest stays.

        Raises:
            InputError: No such module or tensor.
        """
        from cpruner.space.explain import explain

        return explain(self, name)

    def verify(self, model: nn.Module, example_inputs: Any, *, candidates: int = 3, seed: int = 0) -> "Proof":
        """Cut random candidates, run them in float64 and compare; see ``cpruner.space.proof.verify.verify``."""
        from cpruner.space.proof.verify import verify

        return verify(self, model, example_inputs, candidates=candidates, seed=seed)

    def __str__(self) -> str:
        lines = [f"{len(self.groups)} groups, {sum(self.sizes)} channels"]
        for group in self.groups:
            lines.append(f"  {group.name:<28} {group.size:>5} channels, {len(group.members)} tensor axes")
        if self.frozen:
            lines.append(f"{len(self.frozen)} tensor axes keep channels:")
        lines += [f"  {f.tensor}[{f.axis}]: {f.kept} of {f.size} stay: {f.reason}" for f in self.frozen]
        if self.rewritten:
            lines.append(f"{len(self.rewritten)} modules run a program instead of their own code:")
        lines += [f"  {r.module or 'the model'}: {r.reason}" for r in self.rewritten]
        return "\n".join(lines)
