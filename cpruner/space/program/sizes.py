"""Ops whose arguments state sizes, written so that the sizes follow what is kept."""

import math

from cpruner.candidate import Labels, Node
from cpruner.space.program.builder import Builder, Rewrite
from cpruner.space.program.detour import same_axis
from cpruner.space.program.refusal import RefusalError
from cpruner.space.run import VIEWS, Entry


def _shape(builder: Builder, entry: Entry, other: Entry | None) -> Node:
    """A change of shape of a tensor nothing can be removed from, or of a parameter."""
    source, result = entry.args[0], entry.out
    reference = builder.read(source)
    labels = builder.layout.of(result)
    if labels is None:
        raise RefusalError("what is kept of a changed shape does not form a block")
    sizes = []
    for axis, size in enumerate(result.shape):
        there = other.out.shape[axis] if other is not None else None
        same = same_axis(source.shape, result.shape, axis)
        if axis in labels:
            sizes.append(builder.scaled(("n", builder.table.number(labels[axis])), size, there))
        elif same is not None and reference[0] == "v":
            sizes.append(("size", reference[1], same))
        else:
            sizes.append(builder.scaled(size, size, there))
    return Node("aten.reshape.default", (reference, ("list", *sizes)), (), builder.fresh(result))


def _expand(builder: Builder, entry: Entry, other: Entry | None) -> Node:
    source, result = entry.args[0], entry.out
    labels = builder.layout.of(result) or {}
    lead = len(result.shape) - len(source.shape)
    sizes = []
    for axis, size in enumerate(result.shape):
        kept = axis >= lead and source.shape[axis - lead] == size and size > 1
        there = other.out.shape[axis] if other is not None else None
        wanted = ("n", builder.table.number(labels[axis])) if axis in labels else size
        sizes.append(-1 if kept else builder.scaled(wanted, size, there))
    return Node("aten.expand.default", (builder.read(source), ("list", *sizes)), (), builder.fresh(result))


def _repeat(builder: Builder, entry: Entry, other: Entry | None) -> Node:
    """One index is repeated as often as the axis it becomes has indices; several are repeated as often as before."""
    source, times = entry.args[:2]
    labels = builder.layout.of(entry.out) or {}
    lead, counts = len(times) - len(source.shape), []
    for axis, count in enumerate(times):
        single = axis in labels and (axis < lead or source.shape[axis - lead] == 1)
        wanted = ("n", builder.table.number(labels[axis])) if single else count
        counts.append(builder.scaled(wanted, count, other.args[1][axis] if other is not None else None))
    return Node(entry.op, (builder.read(source), ("list", *counts)), (), builder.fresh(entry.out))


def _layer_norm(builder: Builder, entry: Entry, _other: Entry | None) -> Node:
    source, shape, *rest = entry.args
    labels = (builder.layout.of(source) or {}).get(len(source.shape) - 1)
    sizes = [*shape[:-1], shape[-1] if labels is None else ("n", builder.table.number(labels))]
    made = entry.out[0] if isinstance(entry.out, tuple) else entry.out
    args = (builder.read(source), ("list", *sizes), *(builder.encode(argument) for argument in rest))
    return Node("F.layer_norm", args, (), builder.fresh(made))


def _group_norm(builder: Builder, entry: Entry, _other: Entry | None) -> Node:
    source, weight, bias, _, channels, _, groups, epsilon = entry.args
    labels = (builder.layout.of(source) or {}).get(1)
    if labels is not None and groups >= channels // groups and groups > 1:
        step = channels // groups
        leaders = Labels(tuple(factor[::step] for factor in labels.factors))
        groups = ("n", builder.table.number(leaders))
    args = (builder.read(source), groups, *(builder.encode(v) for v in (weight, bias, epsilon)))
    return Node("F.group_norm", args, (), builder.fresh(entry.out[0]))


def _attention(builder: Builder, entry: Entry, _other: Entry | None) -> Node:
    query, key = entry.args[:2]
    reads = dict(zip(_SIGNATURE[entry.packet], entry.args, strict=False)) | dict(entry.kwargs)
    scale = reads.get("scale") or 1 / math.sqrt(query.shape[-1])
    args = tuple(builder.read(value) for value in entry.args[:3])
    kwargs = (
        ("attn_mask", builder.encode(reads.get("mask", reads.get("attn_mask")), None)),
        ("is_causal", bool(reads.get("causal", reads.get("is_causal", False)))),
        ("scale", scale),
        *([("enable_gqa", True)] if query.shape[1] != key.shape[1] else []),
        *([("dropout_p", ("dropout", entry.dropout[0], builder.within(entry.dropout[1])))] if entry.dropout else []),
    )
    made = entry.out[0] if isinstance(entry.out, tuple) else entry.out
    return Node("F.scaled_dot_product_attention", args, kwargs, builder.fresh(made))


_SIGNATURE = {
    "_scaled_dot_product_flash_attention_for_cpu": ("q", "k", "v", "dropout", "causal", "mask", "scale"),
    "_scaled_dot_product_flash_attention": ("q", "k", "v", "dropout", "causal", "debug", "scale"),
    "_scaled_dot_product_efficient_attention": ("q", "k", "v", "mask", "lse", "dropout", "causal", "scale"),
    "_scaled_dot_product_cudnn_attention": ("q", "k", "v", "mask", "lse", "dropout", "causal", "debug", "scale"),
    "_scaled_dot_product_fused_attention_overrideable": ("q", "k", "v", "mask", "dropout", "causal", "debug", "scale"),
}


def _convolution(builder: Builder, entry: Entry, _other: Entry | None) -> Node:
    source = entry.args[0]
    args = [builder.encode(argument) for argument in entry.args]
    if entry.args[8] > 1 and builder.layout.live(source):
        if entry.args[6]:
            raise RefusalError("a grouped transposed convolution states its groups")
        args[8] = ("groups", args[0], args[1])
    return Node(entry.op, tuple(args), (), builder.fresh(entry.out))


def _pad(builder: Builder, entry: Entry, _other: Entry | None) -> Node:
    """Padding of a live axis adds as many channels as are still wanted."""
    source, amounts, *rest = entry.args
    labels = builder.layout.of(entry.out) or {}
    ndim, written = len(source.shape), []
    for place, amount in enumerate(amounts):
        axis = ndim - 1 - place // 2
        if axis not in labels or amount <= 0:
            written.append(amount)
            continue
        part = slice(0, amount) if place % 2 == 0 else slice(len(labels[axis]) - amount, None)
        written.append(("n", builder.table.number(Labels(tuple(f[part] for f in labels[axis].factors)))))
    values = tuple(builder.encode(argument) for argument in rest)
    return Node(entry.op, (builder.read(source), ("list", *written), *values), (), builder.fresh(entry.out))


def _created(builder: Builder, entry: Entry, other: Entry | None) -> Node:
    """``zeros`` and the like: made to a size, the first argument; ``new_zeros``: the second, after what it is like."""
    place = 1 if entry.packet.startswith("new_") else 0
    labels = builder.layout.of(entry.out)
    if labels is None:
        raise RefusalError("what is kept of a tensor that it makes does not form a block")
    sizes = []
    for axis, size in enumerate(entry.out.shape):
        there = other.out.shape[axis] if other is not None else None
        wanted = ("n", builder.table.number(labels[axis])) if axis in labels else size
        sizes.append(builder.scaled(wanted, size, there))
    args = [builder.encode(argument) for argument in entry.args]
    args[place] = ("list", *sizes)
    kwargs = tuple((k, builder.encode(v)) for k, v in entry.kwargs.items() if k != "layout")
    return Node(entry.op, tuple(args), kwargs, builder.fresh(entry.out))


REWRITES: dict[str, Rewrite] = {
    **dict.fromkeys(VIEWS, _shape),
    "expand": _expand,
    "repeat": _repeat,
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    **dict.fromkeys(_SIGNATURE, _attention),
    "convolution": _convolution,
    "constant_pad_nd": _pad,
    **dict.fromkeys(("zeros", "ones", "full", "empty"), _created),
    **dict.fromkeys(("new_zeros", "new_ones", "new_full", "new_empty"), _created),
}
