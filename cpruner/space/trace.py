"""``cpruner.trace``: run a model once, find what can be removed together, leave the model exactly as it was."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from cpruner.space.admission import admit
from cpruner.space.capture import Capture, Request
from cpruner.space.proof import prove
from cpruner.space.ranking import magnitude
from cpruner.space.rounding import Rounding, hardware_multiple
from cpruner.space.run import ModuleRule, as_inputs, untouched
from cpruner.space.selection import Pattern, Selection
from cpruner.space.space import PruningSpace


def trace(
    model: nn.Module,
    example_inputs: Any,
    *,
    include: Sequence[Pattern] | None = None,
    exclude: Sequence[Pattern] = (),
    multiple_of: int | str = 1,
    min_width: int = 1,
    declared: Sequence[Sequence[str]] = (),
    rules: Sequence[ModuleRule] = (),
) -> PruningSpace:
    """Find the pruning space of a network, and prove it.

    The model is run in eval mode and without gradients, on its own device; its weights, buffers, hooks, modes and the
    state of every random number generator are afterwards as before. What was found is then tried: smaller networks are
    cut, run and compared with the dense one with the removed slices at zero. A module whose code cannot express the
    smaller sizes gets a program instead, and only what still fails is frozen, with the reason.

    Args:
        model: Any network that runs on ``example_inputs``.
        example_inputs: One tensor, or a tuple of positional arguments, on the model's device.
        include: Only channels made by these modules may go: paths, globs or classes. All when None.
        exclude: These modules keep all their tensors as they are.
        multiple_of: Widths are rounded to a multiple of this (where a group is large enough); ``"auto"`` takes what
            suits the model's device and type, 8 for float16 on a GPU.
        min_width: No group gets narrower than this.
        declared: Groups for what tracing cannot see, each a list of tensor axes, as ``["stem.weight[0]",
            "head.weight[1]"]``, that lose the same indices.
        rules: Rules for modules of your own (see ``cpruner.space.ModuleRule``).

    Returns:
        The space; ``print(space)`` shows its groups and what is frozen and why.

    Raises:
        InputError: ``multiple_of`` or ``min_width`` is below 1, a pattern fits no module, a declared axis does not
            exist, or the model or an input cannot be traced (see ``admission.admit``).
        TraceError: The model does not run on the example inputs, or not twice to the same result.
    """
    rounding = hardware_multiple(model) if multiple_of == "auto" else Rounding(multiple_of)  # type: ignore[arg-type]
    limits = Selection(None if include is None else tuple(include), tuple(exclude), tuple(map(tuple, declared)))
    request = Request(replace(rounding, min_width=min_width), limits, tuple(rules))
    inputs = as_inputs(example_inputs)
    admit(model, inputs)
    with untouched(model):
        space = prove(Capture(model, inputs, request))
    return space.ranked(magnitude(model, space.plan))
