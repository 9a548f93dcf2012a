"""Example inputs: any nesting of tuples, lists and dicts, of which only the tensors matter here."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn


def as_inputs(example_inputs: Any) -> tuple[Any, ...]:
    """Positional arguments of a forward call; a lone tensor counts as the only argument."""
    return tuple(example_inputs) if isinstance(example_inputs, tuple | list) else (example_inputs,)


def map_tensors(function: Callable[[Tensor], Tensor], value: Any) -> Any:
    """Copy ``value`` with ``function`` applied to every tensor in it."""
    if isinstance(value, Tensor):
        return function(value)
    if isinstance(value, dict):
        return {key: map_tensors(function, item) for key, item in value.items()}
    if isinstance(value, list):
        return [map_tensors(function, item) for item in value]
    if isinstance(value, tuple):
        make = getattr(type(value), "_make", tuple)  # a named tuple stays one
        return make([map_tensors(function, item) for item in value])
    return value


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in ``value``, depth first."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def device_of(network: nn.Module, inputs: tuple[Any, ...]) -> torch.device:
    """Where the network lives: its first parameter or buffer, else the first input, else the CPU."""
    for tensor in (*network.parameters(), *network.buffers(), *tensors(inputs)):
        return tensor.device
    return torch.device("cpu")


def resize_batch(inputs: tuple[Any, ...], size: int) -> tuple[Any, ...]:
    """Repeat or cut the examples to ``size`` of them.

    Args:
        inputs: Positional arguments; the first tensor's first axis tells how many examples N they hold, and every
            tensor whose first axis is N long is taken to hold one row per example.
        size: How many examples are wanted.

    Returns:
        The same nesting; row i of a resized tensor is row i mod N of the given one.
    """
    lengths = [len(tensor) for tensor in tensors(inputs) if tensor.ndim > 0]
    if not lengths or lengths[0] in (0, size):
        return inputs

    def resize(tensor: Tensor) -> Tensor:
        if tensor.ndim == 0 or len(tensor) != lengths[0]:
            return tensor
        return tensor[torch.arange(size, device=tensor.device) % lengths[0]]

    resized: tuple[Any, ...] = map_tensors(resize, inputs)
    return resized
