"""Element-wise ops: operands that meet along an axis must lose the same indices there."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from cpruner.space.label import Planes, support
from cpruner.space.run import Call, Rule, Tracer, freeze_operands

_SIZE = "combined element-wise with a tensor of fixed size"
_AXES = "combined element-wise with labels that vary along other axes"


def pointwise(tracer: Tracer, call: Call) -> None:
    """The operands' planes, tied wherever two operands really meet (size 1 broadcasts and ties nothing)."""
    if not isinstance(call.result, Tensor):
        freeze_operands(tracer, call)
        return
    disentangle(tracer, call.tensors, call.result.ndim)
    planes: Planes = ()
    shape: tuple[int, ...] = ()
    for tensor in call.tensors:
        shape, planes = meet(tracer, call.result.ndim, (shape, planes), (tuple(tensor.shape), tracer.planes(tensor)))
    tracer.assign(call.result, planes)


def disentangle(tracer: Tracer, tensors: Sequence[Tensor], ndim: int) -> None:
    """Take apart planes over several axes where an operand that also has these axes does not share the plane."""
    changed = True
    while changed:
        changed = False
        aligned = [_align(ndim, tensor.shape, tracer.planes(tensor)) for tensor in tensors]
        for tensor, (_, planes) in zip(tensors, aligned, strict=True):
            for plane in planes:
                axes = support(plane)
                lonely = any(
                    any(shape[axis] > 1 for axis in axes) and axes not in [support(other) for other in others]
                    for shape, others in aligned
                )
                if len(axes) > 1 and lonely:
                    tracer.separate(tensor, {axis - ndim + tensor.ndim for axis in axes})
                    changed = True


def meet(
    tracer: Tracer, ndim: int, left: tuple[tuple[int, ...], Planes], right: tuple[tuple[int, ...], Planes]
) -> tuple[tuple[int, ...], Planes]:
    """Tie two operands, each a shape and its planes; those of the result."""
    (left_shape, left_planes), (right_shape, right_planes) = _align(ndim, *left), _align(ndim, *right)
    partners = {support(plane): plane for plane in right_planes}
    merged = []
    for plane in left_planes:
        partner = partners.pop(support(plane), None)
        if partner is not None:
            merged.append(tracer.sheet.unite(plane, partner, _SIZE))
        else:
            _alone(tracer, plane, right_shape, right_planes)
            merged.append(plane)
    for plane in partners.values():
        _alone(tracer, plane, left_shape, left_planes)
        merged.append(plane)
    shape = tuple(max(a, b) for a, b in zip(left_shape, right_shape, strict=True))
    return shape, tuple(merged)


def _align(ndim: int, shape: Sequence[int], planes: Planes) -> tuple[tuple[int, ...], Planes]:
    """Prepend axes of size 1, as broadcasting does."""
    lead = (1,) * (ndim - len(shape))
    return (*lead, *shape), tuple(plane.reshape(*lead, *plane.shape) for plane in planes)


def _alone(tracer: Tracer, plane: Tensor, shape: Sequence[int], others: Planes) -> None:
    """A plane without partner is free only where the other operand broadcasts."""
    axes = support(plane)
    if any(axes & support(other) for other in others):
        tracer.sheet.freeze(plane, _AXES)
    elif any(shape[axis] > 1 for axis in axes):
        tracer.sheet.freeze(plane, _SIZE)


def weight_norm(tracer: Tracer, call: Call) -> None:
    """``_weight_norm_interface``: v g / |v| has the shape of v; removed slices of v are zero and add nothing."""
    direction, magnitude = call.args[:2]
    axis = call.argument(2, "dim", 0)
    tracer.tie(tracer.labels(direction, axis), tracer.labels(magnitude, axis), _SIZE)
    tracer.assign(call.result[0], tracer.planes(direction))


def fake_quantized(tracer: Tracer, call: Call) -> None:
    """Rounding to the steps of a quantiser, one for all or one per channel; zero stays zero."""
    source, *steps = call.tensors
    if "per_channel" in call.name:
        for step in steps:
            tracer.tie(tracer.labels(source, call.args[3]), tracer.labels(step, 0), _SIZE)
    for result in call.result:
        tracer.assign(result, tracer.planes(source))


def log_sigmoid(tracer: Tracer, call: Call) -> None:
    """``log_sigmoid_forward`` also returns a buffer for its gradient."""
    tracer.assign(call.result[0], tracer.planes(call.args[0]))


#: Element-wise ops that torch tags as such only in some of their forms (not in the in-place one, say).
_UNTAGGED = (
    "abs copysign eq ge gt le lt ne gelu heaviside ldexp masked_fill mish relu6 rsub threshold xlogy complex polar"
)
#: Quantisers of networks that are trained for quantisation.
_FAKE = (
    "fake_quantize_per_channel_affine_cachemask fake_quantize_per_tensor_affine_cachemask "
    "_fake_quantize_per_tensor_affine_cachemask_tensor_qparams"
)
#: Element-wise ops that torch does not tag as such, and ops that make a tensor like another.
POINTWISE: Mapping[str, Rule] = {
    **dict.fromkeys(
        [
            "hardswish",
            "_prelu_kernel",
            "detach",
            "alias",
            "_to_copy",
            "clone",
            "contiguous",
            "copy",
            "zero",
            "fill",
            "lift_fresh",
            "zeros_like",
            "ones_like",
            "full_like",
            "empty_like",
            "rand_like",
            "randn_like",
            "bernoulli",
            "_conj_physical",
            "dropout",
            "native_dropout",
        ],
        pointwise,
    ),
    **dict.fromkeys(_UNTAGGED.split(), pointwise),
    "log_sigmoid_forward": log_sigmoid,
    **dict.fromkeys(_FAKE.split(), fake_quantized),
    "_weight_norm_interface": weight_norm,
}
