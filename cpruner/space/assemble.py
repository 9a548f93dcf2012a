"""Turns a finished trace into a pruning space: partition, plan, programs, algebra."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from cpruner.candidate import Cut, Labels, Plan, Program, Size
from cpruner.space.algebra import Algebra, Product, axis_length
from cpruner.space.attribute import attributes_of
from cpruner.space.freeze import shrink
from cpruner.space.group import Across, Frozen, Group, Rewritten
from cpruner.space.label import Partition, Table, partition
from cpruner.space.module_of import module_of
from cpruner.space.program import Layout, Programs, programs, stale
from cpruner.space.rounding import Rounding
from cpruner.space.run import Frame, Tracer
from cpruner.space.space import PruningSpace

_UNUSED = (
    "not run, neither in eval nor in training mode: it keeps its size, and may not fit what it is given; remove "
    "it, or exclude the modules it reads from"
)


def assemble(
    tracer: Tracer, model: nn.Module, twin: Frame | None, rounding: Rounding, rewritten: Mapping[str, str]
) -> tuple[PruningSpace, Programs]:
    """Build the space of a traced model.

    Args:
        tracer: The finished trace.
        model: The traced model.
        twin: A recorded run with another batch size, or None.
        rounding: Which widths are legal.
        rewritten: Modules that get a program although nothing in them was seen to state a size, and why.

    Returns:
        The space, with channels ranked as they stand, and which modules have programs.
    """
    order: dict[tuple[str, int], int] = {}
    for place in tracer.producers:
        order.setdefault(place, len(order))
    while True:
        parts = partition(tracer.sheet, tracer.axes, order)
        table = Table()
        cuts = [Cut(tensor, axis, table.number(parts.labels(v))) for (tensor, axis), v in tracer.axes.items()]
        layout = Layout(parts)
        found = programs(tracer.recorder.root, twin, layout, table, rewritten)
        if not found.refused:
            break
        for labels, reason in found.refused:
            tracer.sheet.freeze(labels, reason)
    sizes = _sizes(tracer, model, parts, table, cuts)
    modules, written = dict(model.named_modules()), tuple(found.written.values())
    for size in stale(tracer.recorder.frames, written, modules, layout, table):
        sizes.setdefault((size.module, size.attribute), size)
    norms = tuple(
        Across(_number(table, parts, n.channels), _number(table, parts, n.groups), n.axis) for n in tracer.norms
    )
    plan = _plan(parts, table, cuts, sizes, written)
    algebra = _algebra(tracer, model, parts, plan)
    steps = [_step(plan, parts, group, rounding) for group in range(len(plan.sizes))]
    leaders = [f"{tensor}[{axis}]" for tensor, axis in parts.leaders]
    groups = tuple(Group(*facts) for facts in zip(plan.names, plan.sizes, _members(plan), steps, leaders, strict=True))
    frozen = (*parts.frozen, *_unused(tracer, model))
    replaced = tuple(Rewritten(program.module, found.reasons[program.module]) for program in plan.programs)
    space = PruningSpace(
        groups, frozen, plan, algebra, tuple(tuple(range(size)) for size in plan.sizes), norms, rounding, replaced
    )
    return space, found


def _number(table: Table, parts: Partition, labels: Tensor | None) -> int | None:
    return None if labels is None else table.number(parts.labels(labels))


def _sizes(
    tracer: Tracer, model: nn.Module, parts: Partition, table: Table, cuts: Sequence[Cut]
) -> dict[tuple[str, str], Size]:
    sizes = {
        (path, attribute): Size(path, attribute, table.number(parts.labels(labels)), form)
        for path, attribute, labels, form in tracer.counted
    }
    modules = dict(model.named_modules())
    for cut in cuts:
        path, tensor = module_of(cut.tensor)
        for attribute in attributes_of(modules.get(path), tensor, cut.axis):
            if getattr(modules[path], attribute) != len(table.entries[cut.labels]):
                continue  # other code uses the tensor, in its own way
            sizes.setdefault((path, attribute), Size(path, attribute, cut.labels))
    return sizes


def _plan(
    parts: Partition,
    table: Table,
    cuts: Sequence[Cut],
    sizes: Mapping[tuple[str, str], Size],
    written: tuple[Program, ...],
) -> Plan:
    names = _unique([module_of(tensor)[0] or tensor for tensor, _ in parts.leaders])
    labels: tuple[Labels, ...] = tuple(table.entries)
    return shrink(Plan(names, parts.sizes, labels, tuple(cuts), tuple(sizes.values()), written))


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    """Several groups may start at one module: number them."""
    total, seen = Counter(names), Counter[str]()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if total[name] == 1 else f"{name}#{seen[name]}")
    return tuple(result)


def _members(plan: Plan) -> list[tuple[str, ...]]:
    members: list[list[str]] = [[] for _ in plan.sizes]
    for cut in plan.cuts:
        for group in plan.groups_of[cut.labels]:
            members[group].append(f"{cut.tensor}[{cut.axis}]")
    return [tuple(axes) for axes in members]


def _step(plan: Plan, parts: Partition, group: int, rounding: Rounding) -> int:
    """Units that make a legal step of the axis that leads a group: one head may already be 64 channels."""
    tensor, axis = parts.leaders[group]
    (cut,) = [cut for cut in plan.cuts_of[tensor] if cut.axis == axis]
    units = plan.labels[cut.labels].units_FN
    low, high = plan.offsets[group], plan.offsets[group + 1]
    (factor,) = [row for row in units if ((row >= low) & (row < high)).any()][:1]
    first = int(np.flatnonzero((factor >= low) & (factor < high))[0])
    run = next((k for k in range(first, len(factor)) if factor[k] != factor[first]), len(factor)) - first
    return rounding.multiple_of // math.gcd(rounding.multiple_of, run)


def _unused(tracer: Tracer, model: nn.Module) -> list[Frozen]:
    """Parameters that the forward pass does not touch, and single numbers."""
    met = {tensor for tensor, _ in tracer.axes}
    found = []
    for name, tensor in model.named_parameters():
        if name not in met:
            ran = tracer.met(tensor)
            reason = "a single number" if ran else _UNUSED
            found += [Frozen(name, axis, size, size, reason) for axis, size in enumerate(tensor.shape or (1,))]
    return found


def _algebra(tracer: Tracer, model: nn.Module, parts: Partition, plan: Plan) -> Algebra:
    axes = Table()
    cuts = {(cut.tensor, cut.axis): plan.labels[cut.labels] for cut in plan.cuts}
    flops = [_product(cost.flops, cost.factors, parts, axes) for cost in tracer.costs]
    params = [_tensor_product(name, tensor, cuts, axes) for name, tensor in model.named_parameters()]
    return Algebra(tuple(axis_length(plan, labels) for labels in axes.entries), tuple(flops), tuple(params))


def _product(scale: float, factors: Sequence[Tensor | int], parts: Partition, axes: Table) -> Product:
    used = []
    for factor in factors:
        if isinstance(factor, int):
            scale *= factor
        else:
            used.append(axes.number(parts.labels(factor)))
    return Product(scale, tuple(used))


def _tensor_product(name: str, tensor: Tensor, cuts: Mapping[tuple[str, int], Labels], axes: Table) -> Product:
    found = [cuts.get((name, axis)) for axis in range(tensor.ndim)]
    scale = float(np.prod([size for size, cut in zip(tensor.shape, found, strict=True) if cut is None]))
    return Product(scale, tuple(axes.number(cut) for cut in found if cut is not None))
