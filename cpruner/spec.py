"""Hyper-parameters: each is declared once, in the frozen dataclass of its room, with its doc and its range.

``schema.py`` turns these declarations into Hydra schemas; nothing else repeats a name, type, default or range.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

from cpruner.errors import InputError


def option(
    default: Any,
    doc: str,
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] | None = None,
) -> Any:
    """Declare one field of a spec.

    Args:
        default: Default value; a list or dict becomes a ``default_factory``.
        doc: One sentence with the unit, shown by ``cpruner --help`` and in the docs.
        low: Smallest legal value, inclusive.
        high: Largest legal value, inclusive.
        choices: Legal values of a string option.

    Returns:
        A dataclass field carrying its doc and range as metadata.
    """
    metadata = {"doc": doc, "low": low, "high": high, "choices": tuple(choices) if choices else None}
    if isinstance(default, list | dict):
        return dataclasses.field(default_factory=lambda: type(default)(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def check(spec: Any) -> None:
    """Check every field of a spec against its declared range; call it from ``__post_init__``.

    Raises:
        InputError: Naming the option, its legal range and the value that came.
    """
    for field in dataclasses.fields(spec):
        value = getattr(spec, field.name)
        name = f"{type(spec).__name__}.{field.name}"
        _check_range(name, value, field.metadata.get("low"), field.metadata.get("high"))
        choices = field.metadata.get("choices")
        if choices is not None and value not in choices:
            raise InputError(
                name, expected=f"one of {', '.join(choices)}", got=repr(value), remedy="Choose one of these."
            )


def _check_range(name: str, value: Any, low: float | None, high: float | None) -> None:
    if (low is None and high is None) or value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if number and (low is None or value >= low) and (high is None or value <= high):
        return
    interval = f"a number in [{'-inf' if low is None else low}, {'inf' if high is None else high}]"
    raise InputError(name, expected=interval, got=repr(value), remedy="Set it inside this range.")
