"""Element-wise ops: operands that meet along an axis must lose the same indices there."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from cpruner.space.sheet import Planes, support
from cpruner.space.tracer import Call, Rule, Tracer, freeze_operands

_SIZE = "combined element-wise with a tensor of fixed size"
_AXES = "combined element-wise with labels that vary along other axes"


def pointwise(tracer: Tracer, call: Call) -> None:
    """The operands' planes, tied wherever two operands really meet (size 1 broadcasts and ties nothing)."""
    if not isinstance(call.result, Tensor):
        freeze_operands(tracer, call)
        return
    planes: Planes = ()
    shape: tuple[int, ...] = ()
    for tensor in call.tensors:
        shape, planes = _meet(tracer, call.result.ndim, (shape, planes), (tuple(tensor.shape), tracer.planes(tensor)))
    tracer.assign(call.result, planes)


def _meet(
    tracer: Tracer, ndim: int, left: tuple[tuple[int, ...], Planes], right: tuple[tuple[int, ...], Planes]
) -> tuple[tuple[int, ...], Planes]:
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


#: Element-wise ops that torch does not tag as such.
POINTWISE: Mapping[str, Rule] = dict.fromkeys(("hardswish", "_prelu_kernel", "detach", "alias", "_to_copy"), pointwise)
