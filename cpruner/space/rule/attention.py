"""Fused attention: heads shrink in queries, keys and values together, dimensions in queries and keys, or in values."""

from collections.abc import Mapping

from torch import Tensor

from cpruner.space.label import along, support
from cpruner.space.rule.contraction import factor
from cpruner.space.rule.given import given
from cpruner.space.run import Call, Cost, Rule, Tracer

_TOKENS = "attention mixes this axis"


def attention(tracer: Tracer, call: Call) -> None:
    """softmax(Q K' / sqrt(E) + mask) V of (B, H, L, E), (B, H, S, E) and (B, H, S, V)."""
    query, key, value = call.args[:3]
    for tensor in (query, key, value):
        for plane in tracer.separate(tensor, set(range(tensor.ndim))):
            if support(plane) & {tensor.ndim - 2}:
                tracer.sheet.freeze(plane, _TOKENS)
    for axis in range(query.ndim - 2):
        for other in (key, value):
            shared = tracer.labels(other, axis)
            if shared is not None and query.shape[axis] > len(shared):  # several heads of queries read one of keys
                shared = shared.repeat_interleave(query.shape[axis] // len(shared))
            tracer.tie(tracer.labels(query, axis), shared, "attends to as many heads of fixed number")
    inner = tracer.labels(query, -1)
    tracer.tie(inner, tracer.labels(key, -1), "compared with vectors of fixed size")
    if inner is not None and call.kwargs.get("scale") is None:
        tracer.bake(inner, "'scaled_dot_product_attention' takes its scale from the size")
    arguments = given(call)
    _mask(tracer, query, arguments.get("attn_bias", arguments.get("attn_mask")))
    _count(tracer, query, key, value)
    result = call.result[0] if isinstance(call.result, tuple) else call.result
    planes = [
        along(labels, a, query.ndim) for a in range(query.ndim - 2) if (labels := tracer.labels(query, a)) is not None
    ]
    outer = tracer.labels(value, -1)
    tracer.assign(result, (*planes, *(() if outer is None else (along(outer, query.ndim - 1, query.ndim),))))


def _mask(tracer: Tracer, query: Tensor, mask: Tensor | None) -> None:
    if mask is None:
        return
    for axis in range(mask.ndim):
        place = axis - mask.ndim + query.ndim
        if mask.shape[axis] > 1 and place < query.ndim - 2:
            tracer.tie(tracer.labels(query, place), tracer.labels(mask, axis), "masked by a tensor of fixed size")
        elif place >= query.ndim - 2:
            tracer.tie(tracer.labels(mask, axis), None, _TOKENS)


def _count(tracer: Tracer, query: Tensor, key: Tensor, value: Tensor) -> None:
    heads = [factor(tracer, query, axis) for axis in range(query.ndim - 2)]
    pairs = 2.0 * query.shape[-2] * key.shape[-2]
    for tensor in (query, value):
        tracer.costs.append(Cost(pairs, (*heads, factor(tracer, tensor, -1))))


ATTENTION: Mapping[str, Rule] = dict.fromkeys(
    (
        "_scaled_dot_product_flash_attention_for_cpu",
        "_scaled_dot_product_flash_attention",
        "_scaled_dot_product_efficient_attention",
        "_scaled_dot_product_cudnn_attention",
        "_scaled_dot_product_fused_attention_overrideable",
    ),
    attention,
)
