"""Run a model without leaving traces in it."""

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.errors import TraceError


def run(model: nn.Module, inputs: tuple[Any, ...]) -> Any:
    """The model's output.

    Raises:
        TraceError: It does not run on these inputs.
    """
    try:
        return model(*inputs)
    except Exception as error:
        shapes = ", ".join(str(tuple(x.shape)) if isinstance(x, Tensor) else type(x).__name__ for x in inputs)
        raise TraceError(
            f"model: expected to run on the example inputs, got {type(error).__name__} on ({shapes}): {error} "
            "Give inputs of the shape, type and device the model takes."
        ) from error


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Evaluating, without gradients; buffers and attributes are restored as well."""
    with evaluating(model), torch.no_grad(), _as_before(model):
        yield


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Eval mode inside, without fused kernels; every module's own mode and all RNG states are restored afterwards.

    Nor in inference mode, where torch does not take composite ops apart.
    """
    modes = [(module, module.training) for module in model.modules()]
    devices = sorted({p.device.index or 0 for p in model.parameters() if p.device.type == "cuda"})
    with torch.inference_mode(False), torch.random.fork_rng(devices=devices), _unfused(model):
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training


@contextmanager
def _unfused(model: nn.Module) -> Iterator[None]:
    """Torch's own encoder layers and recurrent layers have one op for everything, which hides what happens inside."""
    before = torch.backends.mha.get_fastpath_enabled()
    recurrent = any(isinstance(module, nn.RNNBase) for module in model.modules())
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with _without_libraries() if recurrent else nullcontext():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _without_libraries() -> Iterator[None]:
    """Neither oneDNN nor cuDNN (``torch.backends.mkldnn.flags`` would warn about Intel's GPUs)."""
    before = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch._C._set_mkldnn_enabled(before)


_HOLDERS = (dict, OrderedDict, list, set)


@contextmanager
def _as_before(model: nn.Module) -> Iterator[None]:
    """Undo what a forward pass does to buffers, to embeddings with a largest norm, and to attributes of modules.

    So to what is in their tables and lists: there are networks that hook themselves up or fill a cache when they first
    run.
    """
    modules = [(vars(module), dict(vars(module))) for module in model.modules()]
    held = [(v, v.copy()) for state, _ in modules for v in state.values() if type(v) in _HOLDERS]
    tensors = [*model.buffers()]
    tensors += [p for module in model.modules() if getattr(module, "max_norm", None) for p in module.parameters(False)]
    saved = [(tensor, tensor.clone()) for tensor in tensors if not tensor.is_meta]
    try:
        yield
    finally:
        for buffer, value in saved:
            if not torch.equal(buffer, value):
                buffer.copy_(value)
        for holder, before in (*modules, *held):
            if holder or before:
                holder.clear()
                (holder.extend if isinstance(holder, list) else holder.update)(before)
