"""Inputs and outputs of a network in whatever containers they come."""

from collections import deque
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


def as_inputs(example_inputs: Any) -> tuple[Any, ...]:
    """One tensor becomes a tuple of one; a list or tuple is taken as positional arguments.

    A tensor given twice becomes two: what a network does with two inputs must not be taken for what it does with one.
    """
    given = tuple(example_inputs) if isinstance(example_inputs, list | tuple) else (example_inputs,)
    seen = [any(value is other for other in given[:place]) for place, value in enumerate(given)]
    return tuple(
        value.clone() if again and isinstance(value, Tensor) else value
        for value, again in zip(given, seen, strict=True)
    )


def fresh(inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Copies for one run: a network may write into what it is given."""
    return tuple(x.clone() if isinstance(x, Tensor) else x for x in inputs)


def tensors_of(output: Any) -> list[Tensor]:
    """All tensors in nested lists, tuples, mappings and attributes of plain objects (dataclasses and the like)."""
    found: list[Tensor] = []
    todo, seen = [output], set[int]()
    while todo:
        value = todo.pop()
        if id(value) in seen or isinstance(value, nn.Module | type):
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            found.append(value)
        elif isinstance(value, list | tuple | set | frozenset | deque):
            todo.extend(value)
        else:
            todo.extend(value.values() if isinstance(value, Mapping) else _attributes(value))
    return found


def _attributes(value: Any) -> list[Any]:
    slots = [name for kind in type(value).__mro__ for name in _names(getattr(kind, "__slots__", ()))]
    return [*getattr(value, "__dict__", {}).values(), *(getattr(value, name, None) for name in slots)]


def _names(slots: Any) -> tuple[str, ...]:
    """Slots are one name or several; those that Python itself keeps there are left out."""
    return tuple(name for name in ([slots] if isinstance(slots, str) else slots) if not name.startswith("__"))
