"""Layout of ``result.json``: which keys there are and what each may hold."""

from dataclasses import dataclass
from typing import Any

from cpruner.errors import InputError

SCHEMA = 1
"""Version of the layout; raised whenever a key changes its name, type or meaning."""


@dataclass(frozen=True)
class MapOf:
    """An object with any keys, whose values all have one layout."""

    value: Any


@dataclass(frozen=True)
class ListOf:
    """A list of any length, whose items all have one layout."""

    item: Any


_NUMBER = (int, float)
_NUMBER_OR_NULL = (int, float, type(None))

ROW = {
    "name": str,
    "search_accuracy": _NUMBER_OR_NULL,
    "test_accuracy": _NUMBER_OR_NULL,
    "flops": _NUMBER_OR_NULL,
    "macs": _NUMBER_OR_NULL,
    "params": _NUMBER_OR_NULL,
    "latency_ms": _NUMBER_OR_NULL,
    "violation": _NUMBER_OR_NULL,
    "evaluations": int,
}

LAYOUT = {
    "schema": int,
    "seed": int,
    "versions": {"python": str, "torch": str, "cpruner": str, "numpy": str},
    "device": str,
    "seconds": MapOf(_NUMBER),
    "dense": ROW,
    "baselines": MapOf(ROW),
    "searched": ROW,
    "pruned": ROW,
    "budgets": ListOf(
        {"name": str, "unit": str, "limit": _NUMBER_OR_NULL, "value": _NUMBER_OR_NULL, "satisfied": bool}
    ),
    "groups": ListOf({"name": str, "dense": int, "kept": int}),
    "evaluations": int,
    "verdict": str,
}


def check_layout(value: Any, layout: Any = LAYOUT, path: str = "result") -> None:
    """Compare a value with its layout, key by key; keys that the layout does not know are let through.

    Args:
        value: What was read from JSON.
        layout: A type, a tuple of types, a dict of layouts by key, ``MapOf`` or ``ListOf``.
        path: What messages call the value.

    Raises:
        InputError: Naming the first key that is missing or holds something else.
    """
    if isinstance(layout, dict | MapOf):
        _expect(value, (dict,), path)
        if isinstance(layout, dict):
            _expect_keys(value, layout, path)
        children = [(key, value[key]) for key in (layout if isinstance(layout, dict) else value)]
        for key, child in children:
            check_layout(child, layout[key] if isinstance(layout, dict) else layout.value, f"{path}.{key}")
    elif isinstance(layout, ListOf):
        _expect(value, (list,), path)
        for index, child in enumerate(value):
            check_layout(child, layout.item, f"{path}[{index}]")
    else:
        _expect(value, layout if isinstance(layout, tuple) else (layout,), path)


def _expect_keys(value: dict[str, Any], layout: dict[str, Any], path: str) -> None:
    for key in layout:
        if key not in value:
            remedy = "Write it with cpruner.report.write_result."
            raise InputError(path, expected=f"the key '{key}'", got=f"only {', '.join(value) or 'none'}", remedy=remedy)


def _expect(value: Any, types: tuple[type, ...], path: str) -> None:
    wanted_bool = bool in types
    if isinstance(value, types) and (wanted_bool or not isinstance(value, bool)):
        return
    names = " or ".join("null" if one is type(None) else one.__name__ for one in types)
    raise InputError(path, expected=names, got=f"{value!r}", remedy="Write it with cpruner.report.write_result.")
