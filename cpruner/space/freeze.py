"""Take groups out of a space: their channels stay, and the reason is said."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cpruner.candidate import FIXED, Labels, Plan
from cpruner.space.group import Frozen
from cpruner.space.space import PruningSpace


def freeze(space: PruningSpace, reasons: Mapping[int, str]) -> PruningSpace:
    """The same space without some of its groups.

    Args:
        space: A traced space; unchanged.
        reasons: Why a group has to stay, by its number in ``space.groups``.
    """
    kept = [g for g in range(len(space.groups)) if g not in reasons]
    number = {group: place for place, group in enumerate(kept)}
    sizes = {group: space.sizes[group] for group in reasons}
    plan = _plan(space.plan, kept)
    running = {program.module for program in plan.programs}
    return replace(
        space,
        groups=tuple(space.groups[g] for g in kept),
        frozen=(*space.frozen, *(entry for g in sorted(reasons) for entry in _entries(space.plan, g, reasons[g]))),
        plan=plan,
        algebra=replace(
            space.algebra, lengths=tuple(length.without(sizes, number) for length in space.algebra.lengths)
        ),
        ranking=tuple(space.ranking[g] for g in kept),
        rewritten=tuple(entry for entry in space.rewritten if entry.module in running),
    )


def _entries(plan: Plan, group: int, reason: str) -> list[Frozen]:
    low, high = plan.offsets[group], plan.offsets[group + 1]
    found = []
    for cut in plan.cuts:
        units_FN = plan.labels[cut.labels].units_FN
        count = int(((units_FN >= low) & (units_FN < high)).any(0).sum())
        if count:
            found.append(Frozen(cut.tensor, cut.axis, units_FN.shape[1], count, reason))
    return found


def _plan(plan: Plan, kept: list[int]) -> Plan:
    number = np.full(int(plan.offsets[-1]) + 1, FIXED, dtype=np.int64)
    units = [unit for g in kept for unit in range(plan.offsets[g], plan.offsets[g + 1])]
    number[units] = np.arange(len(units))
    return shrink(
        replace(
            plan,
            names=tuple(plan.names[g] for g in kept),
            sizes=tuple(plan.sizes[g] for g in kept),
            labels=tuple(Labels(tuple(map(tuple, number[entry.units_FN].tolist()))) for entry in plan.labels),
        )
    )


def shrink(plan: Plan) -> Plan:
    """The same plan without cuts, attributes and programs along which nothing can go."""
    alive = {place for place, entry in enumerate(plan.labels) if (entry.units_FN != FIXED).any()}
    return replace(
        plan,
        cuts=tuple(cut for cut in plan.cuts if cut.labels in alive),
        attributes=tuple(size for size in plan.attributes if size.labels in alive),
        programs=tuple(p for p in plan.programs if alive and (p.labels() & alive or not p.labels())),
    )
