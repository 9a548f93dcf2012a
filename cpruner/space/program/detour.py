"""Writes the ops of a program that move data, so that they work on what is kept (see ``chain``)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

from cpruner.candidate import Labels, Node, Pick
from cpruner.space.program.chain import COPIES, Step, loses, net_pick, step_to, track
from cpruner.space.program.layout import restricted
from cpruner.space.program.refusal import RefusalError
from cpruner.space.run import VIEWS, Value

if TYPE_CHECKING:
    from cpruner.space.program.builder import Builder


def detour(builder: "Builder", value: Value) -> int:
    """Write the ops that lead from the nearest block to a value, and return the number of the result.

    Raises:
        RefusalError: What is kept of it, or of something on the way, is no block.
    """
    steps: list[Step] = []
    current = value
    while True:
        step = step_to(current)
        if step is None:
            raise RefusalError("what is kept of a tensor does not form a block")
        steps.insert(0, step)
        current = step.source
        if current not in builder.pending or builder.known(current) or builder.layout.of(current) is not None:
            break
    reference, before = builder.read(current), len(builder.picks)
    source = reference[1] if reference[0] == "v" else builder.emit("aten.alias.default", (reference,))
    number = _written(builder, steps, source)
    shared = not any(step.entry.packet in COPIES for step in steps)
    if shared and (current in builder.torn or any(_scattered(pick) for pick in builder.picks[before:])):
        builder.torn.add(value)
    return number


def _written(builder: "Builder", steps: Sequence[Step], source: int) -> int:
    if _plain(builder, steps):
        return _step(builder, steps[0], source, None)
    live = list(builder.layout.of(steps[0].source) or {})
    picked = net_pick(steps, live[0]) if len(live) == 1 else None
    if picked is not None:
        number = _pick(builder, source, steps[0].source, live[0], picked)
        for step in steps:  # which elements are dropped is a matter of chance, whatever their order
            number = _step(builder, step, number, None) if step.entry.packet == "dropout" else number
        return number
    return _restricted(builder, steps, source, live)


def _scattered(pick: Pick) -> bool:
    """Whether what is picked are no neighbours, so that a pick makes a copy."""
    return any(after != before + 1 for before, after in zip(pick.positions, pick.positions[1:], strict=False))


def _plain(builder: "Builder", steps: Sequence[Step]) -> bool:
    """One op between two blocks that leaves nothing out and keeps the order: only its sizes change."""
    if len(steps) > 1 or builder.layout.of(steps[0].result) is None or _turns(builder, steps[0]):
        return False
    return not loses(steps[0], steps[0].source.planes or (), lambda p: builder.layout.of_planes((p,)) != {})


def _turns(builder: "Builder", step: Step) -> bool:
    """Whether an op gives an axis that can shrink another order."""
    name, rest = step.entry.packet, step.entry.args[1:]
    if name in ("channel_shuffle", "native_channel_shuffle"):
        return True
    if name not in ("flip", "roll"):
        return False
    dims = rest[0] if name == "flip" else (rest[1] if len(rest) > 1 else ())
    live = builder.layout.of(step.source)
    return live is None or not dims or any(dim % len(step.source.shape) in live for dim in dims)


def _pick(builder: "Builder", source: int, value: Value, axis: int, picked: torch.Tensor) -> int:
    labels = (builder.layout.of(value) or {})[axis]
    target = Labels(tuple(tuple(factor[p] for p in picked.tolist()) for factor in labels.factors))
    builder.picks.append(Pick(builder.table.number(labels), builder.table.number(target), tuple(picked.tolist())))
    return builder.emit("pick", (("v", source), axis, ("pick", len(builder.picks) - 1)))


def _restricted(builder: "Builder", steps: Sequence[Step], source: int, live: Sequence[int]) -> int:
    """Pick what reaches the end, then run the same ops on what is left."""
    path = track(steps, live)
    labels = builder.layout.of(steps[0].source) or {}
    for axis in live:
        if len(path.wanted[axis]) < len(labels[axis]):
            source = _pick(builder, source, steps[0].source, axis, path.wanted[axis])
    for number, step in enumerate(steps):
        needed = path.needed(step.source, number), path.needed(step.result, number + 1)
        if needed[0] is None or needed[1] is None or (_turns(builder, step) and step.entry.packet != "flip"):
            raise RefusalError(f"what is kept does not form a block at op '{step.entry.packet}'")
        source = _step(builder, step, source, (needed[0], needed[1]))
    return source


def _step(
    builder: "Builder", step: Step, source: int, needed: tuple[Sequence[torch.Tensor], Sequence[torch.Tensor]] | None
) -> int:
    """One op of a chain on the indices that are needed; all when ``needed`` is None."""
    before = [torch.ones(size, dtype=torch.bool) for size in step.source.shape] if needed is None else needed[0]
    after = [torch.ones(size, dtype=torch.bool) for size in step.result.shape] if needed is None else needed[1]
    name, rest = step.entry.packet, step.entry.args[1:]
    if name in VIEWS or name == "expand":
        return _view(builder, step, source, after)
    if name in ("slice", "select", "unbind", "split", "split_with_sizes"):
        place = 0 if name in ("slice", "select", "unbind") else 1
        axis = (rest[place] if len(rest) > place else step.entry.kwargs.get("dim", 0)) % len(before)
        cut = not bool(before[axis].all())
        if name in ("select", "unbind"):
            index = 0 if cut else (step.place if name == "unbind" else rest[1])
            return builder.emit("aten.select.int", (("v", source), axis, index))
        if cut:
            return source
    args = (("v", source), *(builder.encode(argument) for argument in rest))
    number = builder.fresh(Value(()))
    out = number if step.place is None else (*(None,) * step.place, number)
    kwargs = tuple((k, builder.encode(v)) for k, v in step.entry.kwargs.items() if k != "layout")
    builder.nodes.append(Node(step.entry.op, args, kwargs, out))
    return number


def _view(builder: "Builder", step: Step, source: int, after: Sequence[torch.Tensor]) -> int:
    twin = builder.pending.get(step.result)
    labels = builder.layout.of_planes(restricted(step.result.planes or (), after))
    if labels is None:
        raise RefusalError("what is kept does not form a block after a change of shape")
    sizes = []
    for axis, size in enumerate(step.result.shape):
        there = twin.shape[axis] if twin is not None else None
        same = same_axis(step.source.shape, step.result.shape, axis)
        if step.entry.packet == "expand":
            place = axis - len(step.result.shape) + len(step.source.shape)
            same = place if place >= 0 and step.source.shape[place] == size and size > 1 else None
        if same is not None:
            sizes.append(("size", source, same))
        elif axis in labels:
            sizes.append(builder.scaled(("n", builder.table.number(labels[axis])), size, there))
        else:
            count = int(after[axis].sum())
            sizes.append(builder.scaled(count, size, there))
    op = "aten.expand.default" if step.entry.packet == "expand" else "aten.reshape.default"
    return builder.emit(op, (("v", source), ("list", *sizes)))


def same_axis(before: Sequence[int], after: Sequence[int], axis: int) -> int | None:
    """The axis that a change of shape passes on as ``axis``: same length, same number of elements ahead."""
    if after[axis] == 1:
        return None
    ahead = torch.Size(after[:axis]).numel()
    for place, size in enumerate(before):
        if size == after[axis] and torch.Size(before[:place]).numel() == ahead:
            return place
    return None
