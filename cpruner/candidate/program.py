"""The forward pass of one module as a list of ops: what it becomes when its own code states sizes.

A program is plain data (it travels inside ``candidate.json`` and names only tensor ops, so reading one runs nothing).
Arguments are scalars, or tuples whose first entry says what follows:

=====================  =====================================================================================
``("v", i)``           value number i
``("w", name)``        parameter or buffer of the module, by its name inside the module
``("n", l)``           how many indices stay of the labels number l of the plan
``("size", i, d)``     length of dimension d of value i when the program runs
``("scaled", x, m)``   x, which was recorded with m examples, for the batch size of this call
``("groups", x, w)``   how many groups make ``w`` read ``x``
``("pick", k)``        entry k of ``picks``
``("dtype", name)``    a torch dtype; ``("memory_format", name)`` likewise
``("training", path)`` whether the module at a path inside this one ("" for itself) is in training mode
``("dropout", p, path)``  the probability p while that module is in training mode, else 0
``("device", i)``      where value i is; ``("dtype_of", i)``: its type
``("any",)``           an argument nobody looks at
``("list", ...)``      a list; ``("tuple", ...)`` and ``("dict", (key, value), ...)`` likewise
=====================  =====================================================================================
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

#: How deep arguments may be nested.
_DEPTH = 32


@dataclass(frozen=True)
class Node:
    """One op (``aten.relu.default``), call of an inner module (``module:proj``), function (``F.layer_norm``) or pick.

    ``out`` holds the numbers of the values it makes: one, a tuple of them, or None for what nobody reads.
    """

    op: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]
    out: Any


@dataclass(frozen=True)
class Pick:
    """Positions along a shrinking axis: ``positions[j]`` of the axis ``source`` becomes place j of the axis ``target``.

    Both axes are places in the plan's table of labels; ``positions`` counts in the dense network.
    """

    source: int
    target: int
    positions: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Program:
    """What a module does, op by op; programs are equal when their texts are (1, 1.0 and True are three things).

    Args:
        module: Path of the module it stands for.
        args: Positional arguments of the call that was recorded.
        kwargs: Keyword arguments of that call.
        batch: Value and dimension that hold the batch size, or None where nothing depends on it.
        picks: Selections along shrinking axes.
        nodes: The ops in order.
        out: What is returned.
    """

    module: str
    args: tuple[Any, ...]
    kwargs: tuple[tuple[str, Any], ...]
    batch: tuple[int, int] | None
    picks: tuple[Pick, ...]
    nodes: tuple[Node, ...]
    out: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __deepcopy__(self, memo: object) -> "Program":
        return self

    @cached_property
    def text(self) -> str:
        """The JSON text."""
        return json.dumps(self.to_dict(), default=repr)

    def to_dict(self) -> dict[str, Any]:
        """Plain lists, numbers and strings."""
        return {
            "module": self.module,
            "args": self.args,
            "kwargs": self.kwargs,
            "batch": self.batch,
            "picks": [[pick.source, pick.target, pick.positions] for pick in self.picks],
            "nodes": [[node.op, node.args, node.kwargs, node.out] for node in self.nodes],
            "out": self.out,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Program":
        """Inverse of ``to_dict``; KeyError, TypeError or ValueError where something is missing or malformed."""
        return cls(
            module=data["module"],
            args=frozen(data["args"]),
            kwargs=frozen(data["kwargs"]),
            batch=frozen(data["batch"]),
            picks=tuple(Pick(source, target, frozen(positions)) for source, target, positions in data["picks"]),
            nodes=tuple(Node(op, frozen(args), frozen(kwargs), frozen(out)) for op, args, kwargs, out in data["nodes"]),
            out=frozen(data["out"]),
        )

    def labels(self) -> frozenset[int]:
        """Places of the plan's table of labels that this program reads."""
        found = {place for pick in self.picks for place in (pick.source, pick.target)}
        todo: list[Any] = [*self.args, *self.kwargs, self.out, *((n.args, n.kwargs) for n in self.nodes)]
        while todo:
            value = todo.pop()
            if isinstance(value, tuple):
                if len(value) == 2 and value[0] == "n":
                    found.add(value[1])
                todo.extend(value)
        return frozenset(found)


def frozen(value: Any, depth: int = 0) -> Any:
    """Lists of a JSON text as tuples, all the way down.

    Raises:
        ValueError: They are nested deeper than any argument is.
    """
    if not isinstance(value, list | tuple):
        return value
    if depth == _DEPTH:
        raise ValueError("too deeply nested")
    return tuple(frozen(part, depth + 1) for part in value)
