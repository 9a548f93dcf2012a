"""Which module is running, so that a size written in Python code is blamed on, and cured by, the smallest module."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, final

from torch import nn
from torch.nn.modules import module as internals
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook

from cpruner.space.run.drops import Drops
from cpruner.space.run.record import Recorder


class Observer(Protocol):
    """Told of every module of the model but the model itself, while its frame is open."""

    def enter(self, module: nn.Module) -> None:
        """A module starts."""

    def leave(self, path: str, module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        """A module ends."""


@contextmanager
def follow(recorder: Recorder, model: nn.Module, *watchers: Observer) -> Iterator[None]:
    """Open a frame whenever a module of ``model`` starts and close it when it ends.

    Args:
        recorder: Receives the frames.
        model: The model that runs; its own hooks are not touched (the two hooks used here are global, and removed
            again).
        watchers: Told when a module starts and ends.
    """
    follower = _Follower(recorder, model, watchers)
    handles = [
        register_module_forward_pre_hook(follower.enter),
        register_module_forward_hook(follower.leave, with_kwargs=True),
    ]
    try:
        with Drops(recorder, model):
            yield
    finally:
        for handle in handles:
            handle.remove()
            internals._global_forward_hooks_with_kwargs.pop(handle.id, None)  # which remove() forgets


@final
class _Follower:
    def __init__(self, recorder: Recorder, model: nn.Module, watchers: Sequence[Observer]) -> None:
        self._recorder, self._model, self._watchers = recorder, model, watchers
        self._paths = {id(module): path for path, module in model.named_modules() if module is not model}

    def enter(self, module: nn.Module, _args: Any) -> None:
        if id(module) in self._paths:
            self._recorder.enter(self._paths[id(module)], type(module))
            for watcher in self._watchers:
                watcher.enter(module)

    def leave(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
        if module is self._model:
            self._recorder.finish(args, kwargs, output)
        elif id(module) in self._paths:
            for watcher in self._watchers:
                watcher.leave(self._paths[id(module)], module, args, output)
            self._recorder.leave(args, kwargs, output)
