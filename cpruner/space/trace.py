"""``cpruner.trace``: run a model once, find what can be removed together, leave the model exactly as it was."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.errors import InputError, TraceError
from cpruner.space.assemble import assemble
from cpruner.space.frames import follow
from cpruner.space.rule import RULES, pointwise
from cpruner.space.space import PruningSpace
from cpruner.space.tracer import Tracer


def trace(model: nn.Module, example_inputs: Any, *, multiple_of: int = 1, min_width: int = 1) -> PruningSpace:
    """Find the pruning space of a network.

    The model is run once, in eval mode and without gradients, on its own device; its weights, buffers, hooks, modes
    and the state of every random number generator are afterwards as before.

    Args:
        model: Any network that runs on ``example_inputs``.
        example_inputs: One tensor, or a tuple of positional arguments, on the model's device.
        multiple_of: Widths are rounded to a multiple of this (where a group is large enough).
        min_width: No group gets narrower than this.

    Returns:
        The space; ``print(space)`` shows its groups and what is frozen and why.

    Raises:
        InputError: ``multiple_of`` or ``min_width`` is below 1, or an example input is on another device than the
        model.
        TraceError: The model does not run on the example inputs.
    """
    for name, value in (("multiple_of", multiple_of), ("min_width", min_width)):
        if not isinstance(value, int) or value < 1:
            raise InputError(
                name, expected="an integer >= 1", got=value, remedy="Use 1 for no rounding and no minimum."
            )
    inputs = as_inputs(example_inputs)
    _check_devices(model, inputs)
    tracer = Tracer(model, RULES, pointwise)
    with untouched(model), _same_buffers(model):
        output = _run(model, inputs, tracer)
    for tensor in tensors_of(output):
        for plane in tracer.planes(tensor):
            tracer.sheet.freeze(plane, "output of the network")
    for labels, reason in tracer.stack[0].baked:
        tracer.sheet.freeze(labels, reason)
    return assemble(tracer, model, multiple_of=multiple_of, min_width=min_width)


def as_inputs(example_inputs: Any) -> tuple[Any, ...]:
    """One tensor becomes a tuple of one; a list or tuple is taken as positional arguments."""
    return tuple(example_inputs) if isinstance(example_inputs, list | tuple) else (example_inputs,)


def _run(model: nn.Module, inputs: tuple[Any, ...], tracer: Tracer) -> Any:
    try:
        with torch.no_grad(), follow(tracer, model), tracer:
            return model(*inputs)
    except Exception as error:
        shapes = ", ".join(str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__ for x in inputs)
        raise TraceError(
            f"model: expected to run on the example inputs, got {type(error).__name__} on ({shapes}): {error} "
            "Give inputs of the shape, type and device the model takes."
        ) from error


def _check_devices(model: nn.Module, inputs: tuple[Any, ...]) -> None:
    devices = {parameter.device for parameter in model.parameters()}
    for value in inputs:
        if isinstance(value, Tensor) and devices and value.device not in devices:
            raise InputError(
                "example_inputs",
                expected=f"a tensor on {', '.join(map(str, devices))}, where the model is",
                got=f"one on {value.device}",
                remedy="Move the model or the input.",
            )


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Eval mode inside; every module's own mode and all RNG states are restored afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices):
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


@contextmanager
def _same_buffers(model: nn.Module) -> Iterator[None]:
    """Undo what a forward pass does to buffers (counters, observers)."""
    owned = [(module, name, buffer) for module in model.modules() for name, buffer in module._buffers.items()]
    saved = [(module, name, buffer, buffer.clone()) for module, name, buffer in owned if buffer is not None]
    try:
        yield
    finally:
        for module, name, buffer, value in saved:
            module._buffers[name] = buffer.copy_(value)


def tensors_of(output: Any) -> list[Tensor]:
    """All tensors in nested lists, tuples, dicts and attributes of plain objects (dataclasses and the like)."""
    found: list[Tensor] = []
    todo, seen = [output], set[int]()
    while todo:
        value = todo.pop()
        if id(value) in seen or isinstance(value, nn.Module | type):
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple | set):
            todo.extend(value)
        else:
            todo.extend((value if isinstance(value, dict) else getattr(value, "__dict__", {})).values())
    return found
