"""What a module's code asks its training mode for, read from its source: a run in eval mode does not show it."""

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, final

from torch import nn

#: Functions that take the mode as an argument and are recorded with it (see ``drops``).
_TOLD = (
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"),
    "multi_head_attention_forward",
)
_ATTENTION, _PLACE = "scaled_dot_product_attention", 4


@dataclass(frozen=True)
class Asked:
    """How often code asks for the mode without passing it on to dropout, and what attention is given as its dropout.

    ``dropouts`` are numbers, or paths: ``("attn_drop", "p")`` for ``self.attn_drop.p if self.training else 0.0``.
    """

    untold: int
    dropouts: frozenset[tuple[str, ...] | float]


def asked(kind: Any) -> Asked:
    """Read the forward of a class of modules, and the methods it calls; torch's own classes ask for nothing here."""
    return _asked(kind)


@lru_cache(maxsize=1024)
def _asked(kind: Any) -> Asked:
    program = getattr(getattr(kind, "_source", None), "text", None)
    found = [_read(program)] if isinstance(program, str) else [_read_method(method) for method in _methods(kind)]
    dropouts = frozenset(dropout for one in found for dropout in one.dropouts)
    several = sum(len(one.dropouts) for one in found) if len(dropouts) > 1 else 0
    return Asked(sum(one.untold for one in found) + several, dropouts)


def attention_dropout(module: nn.Module) -> float:
    """What a module gives ``scaled_dot_product_attention`` as dropout in training mode; 0 where that is unclear."""
    dropouts = asked(type(module)).dropouts
    if len(dropouts) != 1:
        return 0.0
    (dropout,) = dropouts
    value: Any = dropout if isinstance(dropout, float) else module
    for name in () if isinstance(dropout, float) else dropout:
        value = getattr(value, name, 0.0)
    return float(value) if isinstance(value, int | float) else 0.0


def _methods(kind: type[nn.Module]) -> Iterator[Callable[..., Any]]:
    """The forward and what it calls of the same object, as far as it is not torch's."""
    todo, seen = ["forward"], set[str]()
    while todo:
        name = todo.pop()
        owner = next((c for c in kind.__mro__ if name in vars(c) and not c.__module__.startswith("torch.")), None)
        method = vars(owner).get(name) if owner is not None else None
        if name not in seen and inspect.isfunction(method):
            yield method
            todo += method.__code__.co_names
        seen.add(name)


def _read_method(method: Callable[..., Any]) -> Asked:
    try:
        return _read(textwrap.dedent(inspect.getsource(method)))
    except (OSError, SyntaxError, TypeError):
        return Asked(int("training" in method.__code__.co_names), frozenset())


def _read(text: str) -> Asked:
    reader = _Reader()
    reader.visit(ast.parse(text))
    return reader.result()


@final
class _Reader(ast.NodeVisitor):
    """Counts how often ``.training`` is read, and collects what attention is given as its dropout."""

    def __init__(self) -> None:
        self._untold = 0
        self._attention: list[ast.expr] = []
        self._assigned: dict[str, list[ast.expr]] = {}

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._untold += node.attr == "training"
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._assigned.setdefault(target.id, []).append(node.value)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        keywords = {keyword.arg: keyword.value for keyword in node.keywords}
        if name in _TOLD:
            self._untold -= sum(_is_mode(value) for value in (*node.args, *keywords.values()))
        elif name == _ATTENTION or "dropout_p" in keywords:
            self._attention += node.args[_PLACE : _PLACE + 1] or [keywords.get("dropout_p", ast.Constant(0.0))]
        self.generic_visit(node)

    def result(self) -> Asked:
        """What was found; a name stands for the one value that is assigned to it."""
        chosen = [self._assigned.get(e.id, []) if isinstance(e, ast.Name) else [e] for e in self._attention]
        values = {id(value[0]): value[0] for value in chosen if len(value) == 1}
        found = [dropout for value in values.values() if (dropout := _dropout(value)) is not None]
        return Asked(self._untold - len(found), frozenset(found))


def _is_mode(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "training"


def _dropout(node: ast.expr) -> tuple[str, ...] | float | None:
    """The path in ``self.path if self.training else 0``, or the other way round with ``not``; or a number there."""
    if not isinstance(node, ast.IfExp):
        return None
    test, value, other = node.test, node.body, node.orelse
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, value, other = test.operand, other, value
    if not _is_mode(test) or not isinstance(other, ast.Constant) or other.value:
        return None
    if isinstance(value, ast.Constant):
        return float(value.value) if isinstance(value.value, int | float) else None
    return _path(value)


def _path(value: ast.expr) -> tuple[str, ...] | None:
    path: list[str] = []
    while isinstance(value, ast.Attribute):
        path.insert(0, value.attr)
        value = value.value
    return tuple(path) if path and isinstance(value, ast.Name) and value.id == "self" else None
