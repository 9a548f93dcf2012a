"""Which module is running, so that a size written in Python code is blamed on, or cured by, the smallest module."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from cpruner.space.sheet import support
from cpruner.space.tracer import Frame, Relabel, Tracer


@contextmanager
def follow(tracer: Tracer, model: nn.Module) -> Iterator[None]:
    """Push a frame whenever a module of ``model`` starts and settle it when it ends.

    Args:
        tracer: The tracer whose stack is kept.
        model: The traced model; its own hooks are not touched (the two hooks used here are global and removed again).
    """
    paths = {id(module): path for path, module in model.named_modules()}
    calls = Counter[str]()
    uses = Counter(id(module) for _, module in model.named_modules(remove_duplicate=False))

    def enter(module: nn.Module, args: Any) -> None:
        if id(module) in paths:
            stateless = next(module.parameters(), None) is None and next(module.buffers(), None) is None
            tracer.stack.append(Frame(paths[id(module)], pure=stateless and len(args) == 1))
            calls[paths[id(module)]] += uses[id(module)]

    def leave(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if id(module) in paths:
            frame = tracer.stack.pop()
            frame.pure = frame.pure and not kwargs
            _settle(tracer, frame, args, output)

    handles = [register_module_forward_pre_hook(enter), register_module_forward_hook(leave, with_kwargs=True)]
    try:
        yield
        _freeze_reused(tracer, calls)
    finally:
        for handle in handles:
            handle.remove()


def _freeze_reused(tracer: Tracer, calls: Mapping[str, int]) -> None:
    """A replacement knows one set of widths, so a module that runs twice, or has two names, keeps its sizes."""
    reused = [relabel for relabel in tracer.relabels if calls[relabel.module] > 1]
    tracer.relabels[:] = [relabel for relabel in tracer.relabels if calls[relabel.module] == 1]
    for relabel in reused:
        for labels in (relabel.input_labels, relabel.output_labels):
            tracer.sheet.freeze(labels, f"'{relabel.module}' states sizes and is used more than once")


def _settle(tracer: Tracer, frame: Frame, args: Any, output: Any) -> None:
    """Replace a parameter-free module with baked sizes, or pass the blame on to the module around it."""
    if not frame.baked:
        return
    relabel = _relabel(tracer, frame, args, output)
    if relabel is not None:
        tracer.relabels.append(relabel)
    else:
        tracer.stack[-1].baked.extend(frame.baked)


def _relabel(tracer: Tracer, frame: Frame, args: Any, output: Any) -> Relabel | None:
    if not frame.pure or not isinstance(args[0], Tensor) or not isinstance(output, Tensor):
        return None
    inside, outside = tracer.planes(args[0]), tracer.planes(output)
    if (
        len(inside) != 1
        or len(outside) != 1
        or support(inside[0]) != support(outside[0])
        or len(support(inside[0])) != 1
    ):
        return None
    (axis,) = support(inside[0])
    return Relabel(frame.path, axis, inside[0].flatten(), outside[0].flatten())
