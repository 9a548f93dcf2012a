"""External: any Python function of a network as a cost."""

import importlib
import math
import numbers
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np
import torch
from torch import nn

from cpruner.constraint.cost import Sample
from cpruner.constraint.example import as_inputs, device_of
from cpruner.constraint.steady import steady
from cpruner.errors import CostError, InputError
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class External:
    """A cost of your own: a function ``(network, example_inputs) -> number``.

    It is called with the network in evaluation mode, on its device and without gradients. It may return any finite
    number (int, float, or a tensor or array with no axes) and may measure by whatever means.
    """

    function: Any = option("???", "Dotted path 'package.module:function', or the function itself.")
    name: str = option("", "How messages and tables call it; empty: the name of the function.")
    unit: str = option("", "Unit of what the function returns, such as 'mJ', 'MB' or 'ms'.")
    repeats: int = option(1, "Calls per measurement; the median is taken. More than 1 for noisy functions.", low=1)
    quiet: bool = option(
        True,
        "Call it in the main process while no worker of a pool is busy, as timing demands; false: call it in the "
        "workers, several at a time.",
    )

    counted: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        """Check the options, find the function and name the cost."""
        check(self)
        function = resolve(self.function)
        if not self.name:
            object.__setattr__(self, "name", getattr(function, "__name__", type(function).__name__))

    def measure(self, network: nn.Module, example_inputs: tuple[Any, ...]) -> Sample:
        """Call the function ``repeats`` times.

        Raises:
            CostError: The function raised, or returned something that is not a finite number.
        """
        function = resolve(self.function)
        inputs = as_inputs(example_inputs)
        try:
            with steady(network, device_of(network, inputs)):
                results = [function(network, inputs) for _ in range(self.repeats)]
        except Exception as error:
            raise CostError(
                f"cost '{self.name}': expected a finite number, got {type(error).__name__}: {error}. "
                "Call the function on the network alone to see why it raises."
            ) from error
        return Sample.of([self._number(result) for result in results])

    def _number(self, result: Any) -> float:
        if isinstance(result, torch.Tensor | np.ndarray) and result.ndim == 0:
            result = result.item()
        if isinstance(result, numbers.Real) and not isinstance(result, bool | np.bool_) and math.isfinite(result):
            return float(result)
        shown = repr(result) if len(repr(result)) <= 80 else f"{repr(result)[:77]}..."
        raise CostError(
            f"cost '{self.name}': expected a finite number, got {shown} ({type(result).__name__}). "
            "Let the function return one int or float, larger meaning costlier."
        )


def resolve(function: Any) -> Callable[[nn.Module, tuple[Any, ...]], Any]:
    """The function itself, imported if a dotted path was given.

    Args:
        function: A callable, or "package.module:function" or "package.module.function".

    Raises:
        InputError: The path is malformed, the module cannot be imported, or what it names cannot be called.
    """
    found = _import(function) if isinstance(function, str) else function
    if callable(found):
        return found  # type: ignore[no-any-return]
    raise _refusal(function, "something that cannot be called", "Name a function (network, example_inputs) -> number.")


def _import(path: str) -> Any:
    module, _, name = path.partition(":") if ":" in path else path.rpartition(".")
    if not all(part.isidentifier() for part in f"{module}.{name}".split(".")):
        raise _refusal(path, "no dotted path", "Write it as 'package.module:function'.")
    try:
        found: Any = importlib.import_module(module)
    except Exception as error:
        remedy = "Check the spelling, and that the module's folder is on PYTHONPATH."
        raise _refusal(path, f"an import that fails with {type(error).__name__}: {error}", remedy) from error
    try:
        return operator.attrgetter(name)(found)
    except AttributeError as error:
        raise _refusal(path, f"a module without '{name}'", "Check the spelling of the function.") from error


def _refusal(function: Any, why: str, remedy: str) -> InputError:
    expected = "a callable or a dotted path 'package.module:function'"
    return InputError("External.function", expected=expected, got=f"{function!r}, {why}", remedy=remedy)
