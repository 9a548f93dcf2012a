"""Ops that only move data: the planes undergo the very same op."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cpruner.space.sheet import FIXED, compact, support
from cpruner.space.tracer import Call, Rule, Tracer


def move(tracer: Tracer, call: Call) -> None:
    """Apply the op to every plane; sizes stated by the caller along a labelled axis are baked in."""
    source = call.args[0]
    results = call.result if isinstance(call.result, list | tuple) else (call.result,)
    moved: list[list[Tensor]] = [[] for _ in results]
    for plane in tracer.planes(source):
        outcome = call.function(plane.expand(call.shape).contiguous(), *call.args[1:], **call.kwargs)
        pieces = [compact(piece) for piece in (outcome if isinstance(outcome, list | tuple) else (outcome,))]
        if _states_size(source, plane, results, pieces):
            tracer.bake(plane, f"'{call.name}' states a size of this axis")
        for kept, piece in zip(moved, pieces, strict=True):
            kept.append(piece)
    for result, planes in zip(results, moved, strict=True):
        tracer.assign(result, tuple(planes))


def _states_size(source: Tensor, plane: Tensor, results: Sequence[Tensor], pieces: Sequence[Tensor]) -> bool:
    """Whether the op cuts or splits the axis a plane varies along (a mere merge or reorder of axes does not)."""
    cut = any(result.numel() != source.numel() for result in results) and any(
        set(piece.unique().tolist()) != set(plane.unique().tolist()) for piece in pieces
    )
    return cut or any(len(support(piece)) > len(support(plane)) for piece in pieces)


def squeeze(tracer: Tracer, call: Call) -> None:
    """``squeeze``: without a dimension it would also drop an axis that lost all but one channel, so two must stay."""
    if len(call.args) == 1:
        for plane in tracer.planes(call.args[0]):
            tracer.sheet.freeze(plane.flatten()[:1], "'squeeze' without a dimension needs two channels")
    move(tracer, call)


def pad(tracer: Tracer, call: Call) -> None:
    """``constant_pad_nd``: padding a labelled axis makes new channels of constants, by an amount written in Python."""
    source, amounts = call.args[0], list(call.args[1])
    added = {source.ndim - 1 - i: (amounts[2 * i], amounts[2 * i + 1]) for i in range(len(amounts) // 2)}
    planes = []
    for plane in tracer.planes(source):
        touched = [axis for axis in support(plane) if any(added.get(axis, ()))]
        if not touched:
            planes.append(plane)
        elif len(support(plane)) > 1 or min(added[touched[0]]) < 0:
            tracer.sheet.freeze(plane, "padded by a negative amount, or along two axes at once")
        else:
            planes.append(_extend(tracer, plane, touched[0], *added[touched[0]]))
            tracer.bake(planes[-1], "'pad' states a size of this axis")
    tracer.assign(call.result, tuple(planes))


def _extend(tracer: Tracer, plane: Tensor, axis: int, before: int, after: int) -> Tensor:
    fresh = tracer.sheet.fresh(before + after)
    return torch.cat([fresh[:before], plane.flatten(), fresh[before:]]).reshape(
        [plane.shape[i] + (before + after if i == axis else 0) for i in range(plane.ndim)]
    )


def join(tracer: Tracer, call: Call) -> None:
    """``cat``: planes along the joined axis are joined, planes along other axes are tied."""
    tensors: Sequence[Tensor] = call.args[0]
    axis = (call.args[1] if len(call.args) > 1 else call.kwargs.get("dim", 0)) % call.result.ndim
    planes = [tracer.planes(tensor) for tensor in tensors]
    result = [_joined(tracer, tensors, axis)] if any(axis in support(p) for ps in planes for p in ps) else []
    for other in sorted({axes for ps in planes for p in ps if axis not in (axes := support(p))}, key=sorted):
        result.append(_tied(tracer, [{support(p): p for p in ps}.get(other) for ps in planes]))
    tracer.assign(call.result, tuple(result))


def _joined(tracer: Tracer, tensors: Sequence[Tensor], axis: int) -> Tensor:
    parts = []
    for tensor in tensors:
        labels = tracer.labels(tensor, axis)
        parts.append(torch.full((tensor.shape[axis],), FIXED) if labels is None else labels)
    vector = torch.cat(parts)
    return vector.reshape([vector.numel() if i == axis else 1 for i in range(tensors[0].ndim)])


def _tied(tracer: Tracer, planes: Sequence[Tensor | None]) -> Tensor:
    present = [plane for plane in planes if plane is not None]
    for plane in present[1:]:
        tracer.sheet.unite(present[0], plane, "concatenated with a tensor of fixed size")
    if len(present) < len(planes):
        tracer.sheet.freeze(present[0], "concatenated with a tensor of fixed size")
    return present[0]


def _stacked(tracer: Tracer, call: Call) -> None:
    """``stack``: a new axis; everything else is tied."""
    tensors: Sequence[Any] = call.args[0]
    axis = (call.args[1] if len(call.args) > 1 else call.kwargs.get("dim", 0)) % call.result.ndim
    planes = [{support(p): p for p in tracer.planes(tensor)} for tensor in tensors]
    keys = sorted({key for by_support in planes for key in by_support}, key=sorted)
    tied = [_tied(tracer, [by_support.get(key) for by_support in planes]) for key in keys]
    tracer.assign(call.result, tuple(plane.unsqueeze(axis) for plane in tied))


_MOVES = (
    "view _unsafe_view reshape permute transpose t unsqueeze expand slice select unbind split "
    "split_with_sizes flip repeat"
)
MOVEMENT: Mapping[str, Rule] = {
    **dict.fromkeys(_MOVES.split(), move),
    "squeeze": squeeze,
    "constant_pad_nd": pad,
    "cat": join,
    "stack": _stacked,
}
