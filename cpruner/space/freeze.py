"""Take groups out of a space: their channels stay, and the reason is said."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from cpruner.space.group import Frozen
from cpruner.space.plan import FIXED, Cut, Plan, Rewire, Size
from cpruner.space.space import PruningSpace


def freeze(space: PruningSpace, reasons: Mapping[int, str]) -> PruningSpace:
    """The same space without some of its groups.

    Args:
        space: A traced space; unchanged.
        reasons: Why a group has to stay, by its number in ``space.groups``.
    """
    kept = [g for g in range(len(space.groups)) if g not in reasons]
    algebra, sizes = space.algebra, np.asarray(space.sizes, dtype=np.int64)
    gone = sorted(reasons)
    return replace(
        space,
        groups=tuple(space.groups[g] for g in kept),
        frozen=(*space.frozen, *(entry for g in gone for entry in _entries(space.plan, g, reasons[g]))),
        plan=_plan(space.plan, kept),
        algebra=replace(
            algebra,
            fixed_X=algebra.fixed_X + algebra.multiplicity_XG[:, gone] @ sizes[gone],
            multiplicity_XG=algebra.multiplicity_XG[:, kept],
        ),
        ranking=tuple(space.ranking[g] for g in kept),
    )


def _entries(plan: Plan, group: int, reason: str) -> list[Frozen]:
    low, high = plan.offsets[group], plan.offsets[group + 1]
    counts = [(cut, sum(low <= unit < high for unit in cut.units)) for cut in plan.cuts]
    return [Frozen(cut.tensor, cut.axis, len(cut.units), count, reason) for cut, count in counts if count]


def _plan(plan: Plan, kept: list[int]) -> Plan:
    number = np.full(int(plan.offsets[-1]) + 1, FIXED, dtype=np.int64)
    units = [unit for g in kept for unit in range(plan.offsets[g], plan.offsets[g + 1])]
    number[units] = np.arange(len(units))
    cuts = [Cut(c.tensor, c.axis, _renumber(number, c.units)) for c in plan.cuts]
    attributes = [Size(a.module, a.attribute, _renumber(number, a.units)) for a in plan.attributes]
    rewires = [
        Rewire(r.module, r.axis, _renumber(number, r.inputs), _renumber(number, r.outputs)) for r in plan.rewires
    ]
    return Plan(
        names=tuple(plan.names[g] for g in kept),
        sizes=tuple(plan.sizes[g] for g in kept),
        cuts=tuple(cut for cut in cuts if _shrinks(cut.units)),
        attributes=tuple(size for size in attributes if _shrinks(size.units)),
        rewires=tuple(rewire for rewire in rewires if _shrinks(rewire.inputs + rewire.outputs)),
    )


def _renumber(number: NDArray[np.int64], units: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(number[list(units)].tolist())


def _shrinks(units: tuple[int, ...]) -> bool:
    return any(unit != FIXED for unit in units)
