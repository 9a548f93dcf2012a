"""Ops that only move data: the planes undergo the very same op."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from cpruner.space.label import FIXED, along, compact, support
from cpruner.space.run import Call, Rule, Tracer, Value, freeze_operands


def move(tracer: Tracer, call: Call) -> None:
    """Apply the op to every plane; sizes stated by the caller along a labelled axis are baked in."""
    source, *stated = call.args
    stated = [_on_cpu(argument) for argument in stated]
    results = call.result if isinstance(call.result, list | tuple) else (call.result,)
    moved: list[list[Tensor]] = [[] for _ in results]
    for plane in tracer.planes(source):
        cells = torch.arange(plane.numel()).reshape(plane.shape)
        outcome = call.function(cells.expand(call.shape).contiguous(), *stated, **call.kwargs)
        pieces = [compact(piece) for piece in (outcome if isinstance(outcome, list | tuple) else (outcome,))]
        labels = [compact(plane.flatten()[piece]) for piece in pieces]
        turned = call.name in _TURNS and (_rolls(call, plane) or not torch.equal(cells, pieces[0]))
        split = any(len(support(piece)) > len(support(plane)) for piece in labels) and not _restored(tracer, call)
        if turned or split or _cuts(source, cells, results, pieces):
            tracer.bake(plane, f"'{call.name}' states a size of this axis")
        for kept, piece in zip(moved, labels, strict=True):
            kept.append(piece)
            if piece.numel() == 1 < plane.numel():
                tracer.sheet.freeze(piece, f"'{call.name}' picks out a single channel")
    for result, planes in zip(results, moved, strict=True):
        _keep_copies(tracer, planes)
        tracer.assign(result, tuple(planes))


def _restored(tracer: Tracer, call: Call) -> bool:
    """Whether what was computed from a parameter gets the parameter's shape again, as ``reshape_as`` says it.

    Code that states the sizes instead fails in the proof, and gets a program then.
    """
    value, steps = tracer.recorder.value(call.args[0]), 0
    while not value.names and value.maker is not None and steps < _FAR:
        source = next(iter(value.maker.args), None)
        if not isinstance(source, Value):
            return False
        value, steps = source, steps + 1
    return bool(value.names) and isinstance(call.result, Tensor) and value.shape == tuple(call.result.shape)


def _keep_copies(tracer: Tracer, planes: Sequence[Tensor]) -> None:
    """Copies that nothing was tied to yet all stay once they lie side by side with something else (heads, say)."""
    sharing = [p for p in planes if any(p is not other and support(p) & support(other) for other in planes)]
    if not sharing:
        return
    sheet = tracer.sheet
    known = [*tracer.axes.values(), *(edge.flatten() for edge in sheet.edges)]
    known += [labels for defined, factors in sheet.definitions for labels in (defined, *factors)]
    tied = torch.cat(known).unique() if known else torch.zeros(0, dtype=torch.int64)
    for plane in sharing:
        if not bool(torch.isin(plane, tied).any()):
            sheet.freeze(plane, "a number of copies")


def _on_cpu(argument: Any) -> Any:
    """Indices are applied to labels, which are on the CPU."""
    if isinstance(argument, list | tuple):
        return [_on_cpu(part) for part in argument]
    return argument.cpu() if isinstance(argument, Tensor) else argument


def _rolls(call: Call, plane: Tensor) -> bool:
    """A roll turns any number of channels; by as many as there are it shows only when some are gone."""
    dims = call.argument(2, "dims", ())
    return call.name == "roll" and (not dims or any(dim % plane.ndim in support(plane) for dim in dims))


def _cuts(source: Tensor, cells: Tensor, results: Sequence[Tensor], pieces: Sequence[Tensor]) -> bool:
    """Whether the op leaves out some of the indices along which a plane varies."""
    shorter = any(result.numel() != source.numel() for result in results)
    return shorter and any(piece.unique().numel() < cells.numel() for piece in pieces)


def spread(tracer: Tracer, call: Call) -> None:
    """``expand`` and ``repeat``: one index that becomes many follows whatever axis it meets later."""
    move(tracer, call)
    source, result = call.args[0], call.result
    lead = result.ndim - source.ndim
    single = [axis for axis in range(result.ndim) if axis < lead or call.shape[axis - lead] == 1]
    copies = [along(tracer.sheet.fresh(size), a, result.ndim) for a in single if (size := result.shape[a]) > 1]
    tracer.assign(result, (*tracer.planes(result), *copies))


def as_real(tracer: Tracer, call: Call) -> None:
    """``view_as_real``: a new last axis of real and imaginary parts."""
    tracer.assign(call.result, tuple(plane[..., None] for plane in tracer.planes(call.args[0])))


def as_complex(tracer: Tracer, call: Call) -> None:
    """``view_as_complex``: the two parts along the last axis become one number."""
    source = call.args[0]
    planes = tracer.separate(source, {source.ndim - 1})
    for plane in planes:
        if plane.shape[-1] > 1:
            tracer.sheet.freeze(plane, "real and imaginary part of one number")
    tracer.assign(call.result, tuple(plane[..., 0] for plane in planes if plane.shape[-1] == 1))


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
    tensors: Sequence[Tensor] = [tensor for tensor in call.args[0] if tensor.ndim == call.result.ndim]  # or empty
    axis = (call.args[1] if len(call.args) > 1 else call.kwargs.get("dim", 0)) % call.result.ndim
    _agree(tracer, tensors)
    for tensor in tensors:
        tracer.separate(tensor, {axis})
    planes = [tracer.planes(tensor) for tensor in tensors]
    result = [_joined(tracer, tensors, axis)] if any(axis in support(p) for ps in planes for p in ps) else []
    for other in sorted({axes for ps in planes for p in ps if axis not in (axes := support(p))}, key=sorted):
        result.append(_tied(tracer, [{support(p): p for p in ps}.get(other) for ps in planes]))
    tracer.assign(call.result, tuple(result))


def _agree(tracer: Tracer, tensors: Sequence[Tensor]) -> None:
    """Planes over several axes can be tied only where every tensor has one over the same axes."""
    supports = [{support(plane) for plane in tracer.planes(tensor) if len(support(plane)) > 1} for tensor in tensors]
    if any(found != supports[0] for found in supports):
        for tensor in tensors:
            tracer.separate(tensor, set(range(tensor.ndim)))


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
    _agree(tracer, tensors)
    planes = [{support(p): p for p in tracer.planes(tensor)} for tensor in tensors]
    keys = sorted({key for by_support in planes for key in by_support}, key=sorted)
    tied = [_tied(tracer, [by_support.get(key) for by_support in planes]) for key in keys]
    tracer.assign(call.result, tuple(plane.unsqueeze(axis) for plane in tied))


def restride(tracer: Tracer, call: Call) -> None:
    """``as_strided`` to the shape there is (a change of memory format); any other use is opaque."""
    if tuple(call.result.shape) == call.shape:
        tracer.assign(call.result, tracer.planes(call.args[0]))
    else:
        freeze_operands(tracer, call)


#: How many ops a standardised weight is made with, at most.
_FAR = 8
#: Ops that give the indices of an axis another order, which depends on how many there are.
_TURNS = ("roll", "channel_shuffle", "native_channel_shuffle")
_MOVES = (
    "view _unsafe_view _reshape_alias reshape permute transpose t unsqueeze slice select unbind split "
    "split_with_sizes unsafe_split unsafe_split_with_sizes flip roll rot90 index_select unfold channel_shuffle "
    "native_channel_shuffle"
)
MOVEMENT: Mapping[str, Rule] = {
    **dict.fromkeys(_MOVES.split(), move),
    **dict.fromkeys(("expand", "repeat"), spread),
    "view_as_real": as_real,
    "view_as_complex": as_complex,
    "as_strided": restride,
    "squeeze": squeeze,
    "constant_pad_nd": pad,
    "cat": join,
    "stack": _stacked,
}
