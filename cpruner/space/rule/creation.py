"""Tensors made out of nothing: as many of the same number as the code asks for."""

from collections.abc import Mapping

from torch import Tensor

from cpruner.space.label import along, support
from cpruner.space.run import Call, Rule, Tracer


def made(tracer: Tracer, call: Call) -> None:
    """``zeros``, ``ones``, ``full``: every axis follows whatever it meets later, as a copied index does.

    Code that states the sizes as numbers fails in the proof, and gets a program then.
    """
    tracer.assign(call.result, _fresh(tracer, call.result, set(range(call.result.ndim))))


def made_like(tracer: Tracer, call: Call) -> None:
    """``new_zeros`` and the like: where sizes agree, it follows the tensor whose type it takes."""
    source, result = call.args[0], call.result
    planes = tracer.planes(source) if source.ndim == result.ndim else ()
    fitting = [p for p in planes if all(p.shape[axis] == result.shape[axis] for axis in support(p))]
    other = set(range(result.ndim)) - {axis for plane in fitting for axis in support(plane)}
    tracer.assign(result, (*fitting, *_fresh(tracer, result, other)))


def _fresh(tracer: Tracer, tensor: Tensor, axes: set[int]) -> tuple[Tensor, ...]:
    """New labels along some axes."""
    long = [axis for axis in sorted(axes) if tensor.shape[axis] > 1]
    planes = tuple(along(tracer.sheet.fresh(tensor.shape[axis]), axis, tensor.ndim) for axis in long)
    tracer.constants.extend(plane.flatten() for plane in planes)
    return planes


CREATION: Mapping[str, Rule] = {
    **dict.fromkeys(("zeros", "ones", "full", "empty"), made),
    **dict.fromkeys(("new_zeros", "new_ones", "new_full", "new_empty"), made_like),
}
