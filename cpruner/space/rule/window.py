"""Ops that mix positions but not channels: pooling, interpolation, reductions, softmax."""

import math
from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from cpruner.space.label import Planes, support
from cpruner.space.rule.pair import keep_two
from cpruner.space.run import STATISTICS, Call, Norm, Rule, Tracer

#: Reductions to which a removed channel, being zero, adds nothing.
_SUMS = ("sum", "linalg_vector_norm", "norm")
#: Reductions and ops along one axis whose dimension is not their second argument.
_PLACE = {"linalg_vector_norm": 2, "norm": 2, "topk": 2, "kthvalue": 2}


def _unmixed(tracer: Tracer, call: Call, mixed: set[int], results: Sequence[Tensor]) -> Planes:
    """Planes that do not vary along a mixed axis; the others are frozen as soon as anyone reads a result."""
    planes = tracer.separate(call.args[0], mixed)
    if call.name not in _SUMS:
        _doubt(tracer, call, [plane for plane in planes if support(plane) & mixed], results)
    return tuple(plane for plane in planes if not support(plane) & mixed)


def _doubt(tracer: Tracer, call: Call, planes: Sequence[Tensor], results: Sequence[Tensor]) -> None:
    for result in results:
        reason = f"op '{call.name}' mixes this axis"
        tracer.recorder.value(result).doubts.extend((plane, reason) for plane in planes)


def _spatial(dims: int) -> Rule:
    def rule(tracer: Tracer, call: Call) -> None:
        ndim = call.args[0].ndim
        results = _results(call)
        planes = _unmixed(tracer, call, set(range(ndim - dims, ndim)), results)
        for result in results:
            tracer.assign(result, planes)

    return rule


def _results(call: Call) -> list[Tensor]:
    results = call.result if isinstance(call.result, tuple | list) else (call.result,)
    return [result for result in results if isinstance(result, Tensor)]


def reduce(tracer: Tracer, call: Call) -> None:
    """``mean``, ``sum``, ``amax``...: the reduced axes are mixed, then dropped unless kept."""
    source: Tensor = call.args[0]
    given = call.argument(_PLACE.get(call.name, 1), "dim")
    dims = range(source.ndim) if given is None or isinstance(given, bool) else given
    axes = {axis % source.ndim for axis in ([dims] if isinstance(dims, int) else dims)} or set(range(source.ndim))
    planes = _averaged(tracer, call, axes) if call.name in STATISTICS else _unmixed(tracer, call, axes, _results(call))
    for result in _results(call):
        if result.ndim < source.ndim:
            kept = [i for i in range(source.ndim) if i not in axes]
            tracer.assign(result, tuple(plane.reshape([plane.shape[i] for i in kept]) for plane in planes))
        else:
            tracer.assign(result, planes)


def _averaged(tracer: Tracer, call: Call, axes: set[int]) -> Planes:
    """A mean, variance or maximum across one pruned axis is taken over what is kept of it, as in a normalisation.

    Of several axes only the first can shrink (the inputs of a convolution's weight, not its window).
    """
    source: Tensor = call.args[0]
    planes = tracer.separate(source, axes)
    mixed = sorted((plane for plane in planes if support(plane) & axes), key=lambda plane: min(support(plane)))
    others = tuple(plane for plane in planes if not support(plane) & axes)
    if not mixed:
        tracer.norms.append(Norm())
        return others
    _doubt(tracer, call, mixed[1:], _results(call))
    (axis,), labels = support(mixed[0]), mixed[0].flatten()
    if call.name in ("max", "min"):  # where the maximum is, is counted among what is kept
        _doubt(tracer, call, mixed, _results(call)[1:])
    if call.name in ("var", "std", "var_mean") and call.kwargs.get("correction") != 0:
        keep_two(tracer, call, labels, math.prod(source.shape[reduced] for reduced in axes))
    if issubclass(tracer.recorder.stack[-1].kind, nn.RMSNorm):
        tracer.counted.append((tracer.recorder.stack[-1].path, "normalized_shape", labels, "tuple"))
    tracer.norms.append(Norm(labels, axis=axis))
    return others


def along_axis(tracer: Tracer, call: Call) -> None:
    """``softmax``, ``sort`` and friends: one axis is mixed."""
    axis = call.argument(_PLACE.get(call.name, 1), "dim", -1) % call.args[0].ndim
    planes = _unmixed(tracer, call, {axis}, _results(call))
    for result in _results(call):
        tracer.assign(result, planes)


def fourier(tracer: Tracer, call: Call) -> None:
    """Fourier transforms mix the axes they run along."""
    axes = {axis % call.args[0].ndim for axis in call.args[1]}
    tracer.assign(call.result, _unmixed(tracer, call, axes, _results(call)))


_REDUCE = "argmax argmin median nanmedian mode kthvalue prod any all logsumexp"
_ALONG = "_softmax _log_softmax softmax log_softmax _safe_softmax sort topk cumsum cumprod cummax cummin logcumsumexp"
WINDOW: Mapping[str, Rule] = {
    **dict.fromkeys((*STATISTICS, *_SUMS, *_REDUCE.split()), reduce),
    **dict.fromkeys(_ALONG.split(), along_axis),
    **dict.fromkeys(("tril", "triu"), _spatial(2)),
    **dict.fromkeys(("_fft_r2c", "_fft_c2r", "_fft_c2c"), fourier),
    **{
        name: _spatial(1)
        for name in [
            "avg_pool1d",
            "max_pool1d",
            "upsample_nearest1d",
            "_upsample_nearest_exact1d",
            "upsample_linear1d",
            "reflection_pad1d",
            "replication_pad1d",
        ]
    },
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
            "_upsample_nearest_exact2d",
            "upsample_bilinear2d",
            "_upsample_bilinear2d_aa",
            "upsample_bicubic2d",
            "_upsample_bicubic2d_aa",
            "reflection_pad2d",
            "replication_pad2d",
        ]
    },
    **{
        name: _spatial(3)
        for name in [
            "avg_pool3d",
            "max_pool3d_with_indices",
            "_adaptive_avg_pool3d",
            "adaptive_max_pool3d",
            "upsample_nearest3d",
            "_upsample_nearest_exact3d",
            "upsample_trilinear3d",
            "reflection_pad3d",
            "replication_pad3d",
        ]
    },
}
