"""What can be told about a model and its inputs before anything runs."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import is_traceable_wrapper_subclass

from cpruner.errors import InputError

#: Where torch keeps layers whose weights are packed integers instead of parameters.
_QUANTISED = ("torch.ao.nn.quantized", "torch.ao.nn.intrinsic.quantized", "torch.nn.quantized")


def admit(model: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Refuse what cannot be traced, before it ends in an error of somebody else's.

    Raises:
        InputError: The model has parameters without a shape or in a wrapped form, is quantised, scripted, compiled or
            exported, or an example input is on another device than the model.
    """
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        if is_lazy(tensor):
            raise InputError(
                "model",
                expected="parameters with a shape",
                got=f"a lazy '{name}' that has none yet",
                remedy="Run the model once on an example input first.",
            )
        if tensor.is_quantized or is_traceable_wrapper_subclass(tensor):
            raise _finished(f"'{name}' of type {type(tensor).__name__} and {tensor.dtype}")
    for path, module in model.named_modules():
        kind = _kind(module)
        if kind is not None:
            raise _finished(f"a {kind} {type(module).__name__} at '{path}'")
    _check_devices(model, inputs)


def _kind(module: nn.Module) -> str | None:
    """What was made of an eager module, if anything; ``torch.export`` gives its graphs an ``eval`` of their own."""
    if type(module).__module__.startswith(_QUANTISED):
        return "quantised"
    if isinstance(module, torch.jit.ScriptModule):
        return "scripted"
    if type(module).__module__.startswith("torch._dynamo") or module._compiled_call_impl is not None:
        return "compiled"
    return "captured" if "eval" in vars(module) else None


def _finished(got: str) -> InputError:
    return InputError(
        "model",
        expected="an eager network whose parameters are plain tensors",
        got=got,
        remedy="Prune the network it was made from; quantise, shard, script, compile or export the smaller one.",
    )


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
