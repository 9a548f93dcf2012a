"""Turns a finished trace into a pruning space: partition, plan, algebra, default ranking."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor, nn

from cpruner.space.algebra import Algebra, Product, axis_lengths
from cpruner.space.attribute import attributes_of
from cpruner.space.group import Group
from cpruner.space.partition import Partition, partition
from cpruner.space.plan import FIXED, Cut, Plan, Rewire, Size
from cpruner.space.ranking import magnitude
from cpruner.space.space import PruningSpace
from cpruner.space.tracer import Tracer


def assemble(tracer: Tracer, model: nn.Module, *, multiple_of: int, min_width: int) -> PruningSpace:
    """Build the space of a traced model."""
    order: dict[tuple[str, int], int] = {}
    for place in tracer.producers:
        order.setdefault(place, len(order))
    parts = partition(tracer.sheet, tracer.axes, order)
    plan = _plan(tracer, model, parts)
    groups = tuple(Group(*group) for group in zip(plan.names, plan.sizes, _members(plan), strict=True))
    return PruningSpace(
        groups=groups,
        frozen=parts.frozen,
        plan=plan,
        algebra=_algebra(tracer, model, parts, plan),
        ranking=magnitude(model, plan),
        multiple_of=multiple_of,
        min_width=min_width,
    )


def _plan(tracer: Tracer, model: nn.Module, parts: Partition) -> Plan:
    cuts = [Cut(tensor, axis, parts.units(labels)) for (tensor, axis), labels in tracer.axes.items()]
    cuts = [cut for cut in cuts if any(unit != FIXED for unit in cut.units)]
    sizes = {
        (_module(tensor), attribute): Size(_module(tensor), attribute, parts.units(labels))
        for tensor, attribute, labels in tracer.group_sizes
    }
    modules = dict(model.named_modules())
    for cut in cuts:
        for attribute in attributes_of(modules.get(_module(cut.tensor)), cut.tensor.rpartition(".")[2], cut.axis):
            sizes.setdefault((_module(cut.tensor), attribute), Size(_module(cut.tensor), attribute, cut.units))
    return Plan(
        names=_unique([_module(tensor) or tensor for tensor, _ in parts.leaders]),
        sizes=parts.sizes,
        cuts=tuple(cuts),
        attributes=tuple(size for size in sizes.values() if any(unit != FIXED for unit in size.units)),
        rewires=tuple(
            Rewire(r.module, r.axis, parts.units(r.input_labels), parts.units(r.output_labels)) for r in tracer.relabels
        ),
    )


def _module(tensor: str) -> str:
    return tensor.rpartition(".")[0]


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
        for group in plan.groups_of[cut.units]:
            members[group].append(f"{cut.tensor}[{cut.axis}]")
    return [tuple(axes) for axes in members]


def _algebra(tracer: Tracer, model: nn.Module, parts: Partition, plan: Plan) -> Algebra:
    cut_axes = {(cut.tensor, cut.axis): cut.units for cut in plan.cuts}
    axes: dict[tuple[int, ...], int] = {}
    flops = [_product(cost.flops, cost.factors, parts, axes) for cost in tracer.costs]
    params = [_tensor_product(name, tensor, cut_axes, axes) for name, tensor in model.named_parameters()]
    fixed, multiplicity = axis_lengths(plan, list(axes))
    return Algebra(fixed, multiplicity.reshape(len(axes), len(plan.sizes)), tuple(flops), tuple(params))


def _product(
    scale: float, factors: Sequence[Tensor | int], parts: Partition, axes: dict[tuple[int, ...], int]
) -> Product:
    used = []
    for factor in factors:
        if isinstance(factor, int):
            scale *= factor
        else:
            used.append(axes.setdefault(parts.units(factor), len(axes)))
    return Product(scale, tuple(used))


def _tensor_product(
    name: str, tensor: Tensor, cuts: Mapping[tuple[str, int], tuple[int, ...]], axes: dict[tuple[int, ...], int]
) -> Product:
    units = [cuts.get((name, axis)) for axis in range(tensor.ndim)]
    scale = float(np.prod([size for size, cut in zip(tensor.shape, units, strict=True) if cut is None]))
    return Product(scale, tuple(axes.setdefault(cut, len(axes)) for cut in units if cut is not None))
