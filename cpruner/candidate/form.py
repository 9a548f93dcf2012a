"""What a file may state: words and whole numbers, each looked at before anything is made of it."""

from collections.abc import Iterable
from itertools import chain
from typing import Any, NoReturn

from cpruner.errors import ArtefactError


def refuse(expected: str, got: object) -> NoReturn:
    """Say what a candidate states that it must not.

    Raises:
        ArtefactError: Always.
    """
    raise ArtefactError(f"candidate: expected {expected}, got {got!r:.200}. Use an undamaged copy.")


def word(value: Any, what: str) -> str:
    """A string."""
    return value if isinstance(value, str) else refuse(f"{what} to be a string", value)


def name(value: Any, what: str) -> str:
    """A string that Python takes as a name."""
    return value if isinstance(value, str) and value.isidentifier() else refuse(f"{what} to be a name", value)


def whole(value: Any, what: str, below: int | None = None) -> int:
    """A whole number from 0 on, less than ``below`` if that is given."""
    if type(value) is int and value >= 0 and (below is None or value < below):
        return value
    return refuse(f"{what} to be a whole number" + ("" if below is None else f" below {below}"), value)


def wholes(parts: Iterable[Iterable[Any]], what: str, low: int, below: int) -> None:
    """Refuse anything but whole numbers from ``low`` to below ``below`` in some sequences."""
    values = set(chain.from_iterable(parts))
    kinds = set(map(type, chain.from_iterable(parts)))
    if kinds - {int} or (values and not low <= min(values) <= max(values) < below):
        refuse(f"{what} to be whole numbers in [{low}, {below})", sorted(map(str, values))[-1])
