"""Ops that mix positions but not channels: pooling, interpolation, reductions, softmax."""

from collections.abc import Mapping

from torch import Tensor

from cpruner.space.sheet import Planes
from cpruner.space.tracer import Call, Rule, Tracer


def _unmixed(tracer: Tracer, call: Call, mixed: set[int]) -> Planes:
    """Planes that do not vary along a mixed axis; the others are frozen."""
    kept = []
    for plane in tracer.planes(call.args[0]):
        if any(plane.shape[axis] > 1 for axis in mixed):
            tracer.sheet.freeze(plane, f"op '{call.name}' mixes this axis")
        else:
            kept.append(plane)
    return tuple(kept)


def _spatial(dims: int) -> Rule:
    def rule(tracer: Tracer, call: Call) -> None:
        ndim = call.args[0].ndim
        planes = _unmixed(tracer, call, set(range(ndim - dims, ndim)))
        for result in call.result if isinstance(call.result, tuple) else (call.result,):
            tracer.assign(result, planes)

    return rule


def reduce(tracer: Tracer, call: Call) -> None:
    """``mean``, ``sum``, ``amax``...: the reduced axes are mixed, then dropped unless kept."""
    source: Tensor = call.args[0]
    dims = call.args[1] if len(call.args) > 1 and call.args[1] is not None else range(source.ndim)
    axes = {axis % source.ndim for axis in ([dims] if isinstance(dims, int) else dims)}
    planes = _unmixed(tracer, call, axes or set(range(source.ndim)))
    for result in call.result if isinstance(call.result, tuple) else (call.result,):
        if result.ndim < source.ndim:
            kept = [i for i in range(source.ndim) if i not in axes]
            tracer.assign(result, tuple(plane.reshape([plane.shape[i] for i in kept]) for plane in planes))
        else:
            tracer.assign(result, planes)


def along_axis(tracer: Tracer, call: Call) -> None:
    """``softmax`` and friends: one axis is mixed, the shape stays."""
    tracer.assign(call.result, _unmixed(tracer, call, {call.args[1] % call.args[0].ndim}))


WINDOW: Mapping[str, Rule] = {
    **dict.fromkeys(("mean", "sum", "amax", "amin", "var", "std"), reduce),
    **dict.fromkeys(("_softmax", "_log_softmax", "softmax", "log_softmax", "cumsum"), along_axis),
    **{name: _spatial(1) for name in ("avg_pool1d", "max_pool1d", "upsample_nearest1d", "upsample_linear1d")},
    **{
        name: _spatial(2)
        for name in [
            "avg_pool2d",
            "max_pool2d",
            "max_pool2d_with_indices",
            "_adaptive_avg_pool2d",
            "adaptive_avg_pool2d",
            "adaptive_max_pool2d",
            "upsample_nearest2d",
            "upsample_bilinear2d",
            "upsample_bicubic2d",
            "reflection_pad2d",
            "replication_pad2d",
        ]
    },
    **{
        name: _spatial(3)
        for name in ("avg_pool3d", "max_pool3d_with_indices", "_adaptive_avg_pool3d", "upsample_nearest3d")
    },
}
