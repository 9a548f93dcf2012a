"""Which tensors of a run are parameters, views of them, or computed of nothing but parameters."""

import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, nn

from cpruner.candidate import named_tensors


@dataclass(frozen=True)
class Origin:
    """What a tensor is made of.

    Args:
        names: The parameters, buffers and plain tensors it is computed of; empty for constants.
        parameter: Name of the parameter that it is, as it is or turned; None if it is something else.
        turned: Whether it is the transposed matrix.
        op: The op that first made something else of it.
    """

    names: frozenset[str]
    parameter: str | None = None
    turned: bool = False
    op: str = ""


@final
class Origins:
    """Follows the parameters of a network through one run.

    Args:
        network: The network.
    """

    def __init__(self, network: nn.Module) -> None:
        self._parameters = dict(network.named_parameters())
        names = {id(parameter): name for name, parameter in self._parameters.items()}
        self._own: dict[int, Origin] = {}
        for name, tensor in named_tensors(network):
            known = names.get(id(tensor))
            self._own.setdefault(id(tensor), Origin(frozenset([known or name]), known))
        self._made: dict[int, tuple[weakref.ref[Tensor], Origin]] = {}

    def of(self, tensor: Any) -> Origin | None:
        """Where a tensor comes from; None if it depends on the inputs, or is no tensor."""
        if id(tensor) in self._own:
            return self._own[id(tensor)]
        made = self._made.get(id(tensor))
        return None if made is None or made[0]() is not tensor else made[1]

    def note(self, op: str, arguments: Any, results: Any) -> set[str]:
        """Tell what an op made of what.

        Returns:
            Names of parameters that it read, and did not only look at in another way.
        """
        entering = list(tensors_in(arguments))
        origins = [self.of(tensor) for tensor in entering]
        read = {origin.parameter for origin in origins if origin is not None and origin.parameter is not None}
        for result in tensors_in(results):
            if not all(origins):  # what is written into depends on the inputs from now on
                self._made.pop(id(result), None)
            elif id(result) not in self._own:
                made = self._made_of([origin for origin in origins if origin is not None], op, result)
                self._made[id(result)] = (weakref.ref(result), made)
                read.discard(made.parameter or "")
        return read

    def axes(self, name: str, made: Tensor, axis: int | None) -> tuple[int, ...]:
        """Axes of a parameter along which an axis of what is made of it may run: by their length, where it is computed.

        Args:
            name: The parameter; there are none if it is a vector, or a buffer.
            made: What is made of it.
            axis: None for any axis.
        """
        parameter, origin = self._parameters.get(name), self.of(made)
        if parameter is None or parameter.numel() == max(parameter.shape, default=1):
            return ()
        if axis is not None and origin is not None and origin.parameter == name:
            return (1 - axis % made.ndim if origin.turned else axis % made.ndim,)
        lengths = made.shape if axis is None else (made.shape[axis],)
        return tuple(at for at, size in enumerate(parameter.shape) if size in lengths)

    def _made_of(self, origins: list[Origin], op: str, result: Tensor) -> Origin:
        if len(origins) == 1 and origins[0].parameter is not None:
            view = self._view(result, origins[0].parameter)
            if view is not None:
                return view
        names: frozenset[str] = frozenset().union(*(origin.names for origin in origins))
        return Origin(names, op=next((origin.op for origin in origins if origin.op), op))

    def _view(self, tensor: Tensor, name: str) -> Origin | None:
        """A tensor that holds all of a parameter, in its order or turned."""
        whole = self._parameters[name]
        if tensor.data_ptr() != whole.data_ptr() or tensor.dtype != whole.dtype:
            return None
        for turned in (False, True) if whole.ndim == 2 else (False,):
            step = -1 if turned else 1
            if (tensor.shape, tensor.stride()) == (whole.shape[::step], whole.stride()[::step]):
                return Origin(frozenset([name]), name, turned)
        return None


def tensors_in(values: Any) -> Iterator[Tensor]:
    """All tensors of nested lists, tuples and tables."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, list | tuple):
        for value in values:
            yield from tensors_in(value)
    elif isinstance(values, dict):
        yield from tensors_in(list(values.values()))
