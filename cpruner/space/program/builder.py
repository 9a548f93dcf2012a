"""Writes the program of one module from what a forward pass recorded."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from cpruner.candidate import Node, Pick, Program
from cpruner.space.label import Table
from cpruner.space.program.chain import COPIES, written
from cpruner.space.program.constant import check_constant, constant
from cpruner.space.program.detour import detour
from cpruner.space.program.layout import Layout
from cpruner.space.program.refusal import RefusalError
from cpruner.space.run import Entry, Frame, Opaque, Training, Value, values_of

_PASS = ("clone", "contiguous", "detach", "alias", "_to_copy", "lift_fresh", "dropout")
_NAMES = (
    "view _unsafe_view _reshape_alias reshape permute transpose t unsqueeze squeeze expand slice select unbind split "
    "split_with_sizes channel_shuffle native_channel_shuffle flip roll"
)
_MOVES = frozenset((*_NAMES.split(), *_PASS))


class Rewrite(Protocol):
    """Writes one op whose arguments state sizes."""

    def __call__(self, builder: "Builder", entry: Entry, other: Entry | None, /) -> Node:
        """The op with its sizes following the labels; ``other`` is the same op in a run with another batch size."""


class Builder:
    """Collects the nodes of one program.

    Args:
        frame: The run of the module.
        other: The same run with another batch size, or None.
        layout: Labels of values.
        table: Labels of the plan.
        rewrites: Ops whose arguments state sizes, by name.
        inlined: Inner frames that are written out instead of called.

    Attributes:
        pending: Results of ops that move data, written when somebody reads them, with their twins.
        torn: Values that are views in the recorded run and copies in the program.
    """

    def __init__(
        self,
        frame: Frame,
        other: Frame | None,
        layout: Layout,
        table: Table,
        rewrites: dict[str, Rewrite],
        inlined: frozenset[int],
    ) -> None:
        self.layout, self.table = layout, table
        self.picks: list[Pick] = []
        self.nodes: list[Node] = []
        self.batch: tuple[int, int] | None = None
        self._frame, self._other, self._rewrites, self._inlined = frame, other, rewrites, inlined
        self._ids: dict[Value, int] = {}
        self.pending: dict[Value, Value | None] = {}
        self.torn: set[Value] = set()
        self._lengths: tuple[int, int] = (1, 1)
        self._prefix = f"{frame.path}." if frame.path else ""

    def program(self) -> Program:
        """The finished program.

        Raises:
            RefusalError: Something in the module cannot be written down.
        """
        frame, other = self._frame, self._other
        for value in values_of((frame.args, frame.kwargs)):
            self.fresh(value)
        self._find_batch()
        args = tuple(map(self._argument, frame.args, _like(frame.args, other, "args")))
        twins = (other.kwargs if other is not None else None) or {}
        kwargs = tuple((key, self._argument(value, twins.get(key))) for key, value in (frame.kwargs or {}).items())
        self._walk(frame, other)
        out = self.encode(frame.out)
        return Program(frame.path, args, kwargs, self.batch, tuple(self.picks), tuple(self.nodes), out)

    def _find_batch(self) -> None:
        if self._other is None:
            return
        mine, theirs = (values_of((f.args, f.kwargs)) for f in (self._frame, self._other))
        for value, twin in zip(mine, theirs, strict=False):
            for axis, (here, there) in enumerate(zip(value.shape, twin.shape, strict=False)):
                if here != there:
                    self.batch, self._lengths = (self._ids[value], axis), (here, there)
                    return

    def _argument(self, value: Any, twin: Any) -> Any:
        """An argument of the recorded call."""
        return ("any",) if isinstance(value, Opaque) else self.encode(value, twin)

    def _walk(self, frame: Frame, other: Frame | None) -> None:
        twins: Sequence[Any] = other.entries if other is not None else [None] * len(frame.entries)
        if len(twins) != len(frame.entries):
            raise RefusalError("what it does depends on the batch size")
        for entry, twin in zip(frame.entries, twins, strict=True):
            if isinstance(entry, Entry):
                self._op(entry, twin)
            elif id(entry) in self._inlined and entry.opaque:
                raise RefusalError(f"'{entry.path}' has a rule of its own")
            elif id(entry) in self._inlined:
                self._walk(entry, twin)
            else:
                self._call(entry, twin)

    def _call(self, frame: Frame, other: Frame | None) -> None:
        if not frame.path.startswith(self._prefix):
            raise RefusalError(f"it runs '{frame.path}', which belongs to another module")
        self._overwrite(frame)
        args = tuple(self.encode(v, twin) for v, twin in zip(frame.args, _like(frame.args, other, "args"), strict=True))
        twins = other.kwargs if other is not None else {}
        kwargs = tuple((k, self.encode(v, twins.get(k))) for k, v in (frame.kwargs or {}).items())
        self.nodes.append(Node(f"module:{frame.path.removeprefix(self._prefix)}", args, kwargs, self._made(frame.out)))

    def _op(self, entry: Entry, other: Entry | None) -> None:
        name = entry.packet
        self._overwrite(entry)
        if name in _MOVES and not isinstance(entry.args[0], Value):
            raise RefusalError(f"op '{name}' reads something unusual")
        if name in _MOVES and entry.args[0] not in values_of(entry.out):
            results = entry.out if isinstance(entry.out, list | tuple) else [entry.out]
            twins = [None] * len(results) if other is None else values_of(other.out)
            if self.layout.live(entry.args[0]) and all(isinstance(result, Value) for result in results):
                self.pending.update(zip(results, twins, strict=True))
                return
        if name in ("_local_scalar_dense", "nonzero", "masked_select"):
            raise RefusalError(f"op '{name}' depends on the numbers it reads")
        if name.startswith("unsafe_split"):
            raise RefusalError("it takes steps of a recurrent network by itself")
        rewrite = self._rewrites.get(name)
        if rewrite is not None:
            self.nodes.append(rewrite(self, entry, other))
            return
        args = tuple(self.encode(v, twin) for v, twin in zip(entry.args, _like(entry.args, other, "args"), strict=True))
        twins_k = other.kwargs if other is not None else {}
        kwargs = tuple((k, self.encode(v, twins_k.get(k))) for k, v in entry.kwargs.items() if k != "layout")
        self.nodes.append(Node(entry.op, args, kwargs, self._made(entry.out)))
        if entry.dropout is not None:
            probability, when = entry.dropout
            args = (("v", self._ids[entry.out]), probability, ("training", self.within(when)))
            self._ids[entry.out] = self.emit("F.dropout", args)

    def _overwrite(self, entry: Entry | Frame) -> None:
        """Before something is overwritten, make the copies that were taken of it."""
        wet = written(entry)
        late = [v for v in self.pending if wet and v not in self._ids and v.maker and v.maker.packet in COPIES]
        for value in [*(v for v in late if self.layout.of(v) is not None), *(v for v in wet if v in self.pending)]:
            self.read(value)
        if self.torn & {*wet}:
            raise RefusalError("it writes into a part of a tensor that does not form a block")

    def fresh(self, value: Value) -> int:
        """The number of a value that is made now."""
        return self._ids.setdefault(value, len(self._ids))

    def _made(self, out: Any) -> Any:
        if isinstance(out, Value):
            return self.fresh(out)
        if isinstance(out, dict):
            return ("dict", *((key, self._made(part)) for key, part in out.items()))
        return tuple(self._made(part) for part in out) if isinstance(out, list | tuple) else None

    def encode(self, argument: Any, twin: Any = None) -> Any:
        """An argument in the form of ``candidate.program``; ``twin`` is what it was with another batch size.

        Raises:
            RefusalError: It holds something a program cannot.
        """
        if isinstance(argument, Value):
            check_constant(argument, twin)
            return self.read(argument)
        if isinstance(argument, int) and not isinstance(argument, bool):
            return self.scaled(argument, argument, twin)
        if isinstance(argument, list | tuple):
            twins = twin if isinstance(twin, list | tuple) and len(twin) == len(argument) else [None] * len(argument)
            kind = "list" if isinstance(argument, list) else "tuple"
            return (kind, *(self.encode(part, other) for part, other in zip(argument, twins, strict=True)))
        if isinstance(argument, dict):
            return ("dict", *((key, self.encode(part)) for key, part in argument.items()))
        return self._constant(argument)

    def _constant(self, argument: Any) -> Any:
        if isinstance(argument, bool | float | str) or argument is None:
            return argument
        if isinstance(argument, torch.dtype) and argument.is_floating_point:
            same = [number for value, number in self._ids.items() if value.dtype == argument]
            if same:  # so that the program runs in other precisions
                return ("dtype_of", same[0])
        for kind, tag in ((torch.dtype, "dtype"), (torch.memory_format, "memory_format")):
            if isinstance(argument, kind):
                return (tag, str(argument).removeprefix("torch."))
        if isinstance(argument, Training):
            return ("training", self.within(argument))
        if isinstance(argument, torch.device) and self._ids:
            return ("device", 0)
        raise RefusalError(f"an argument is a {getattr(argument, 'kind', type(argument).__name__)}")

    def within(self, when: Training) -> str:
        """The path, from the module that is written, to the one whose mode counts."""
        return when.path.removeprefix(self._prefix) if when.path.startswith(self._prefix) else ""

    def scaled(self, size: Any, here: int, there: int | None) -> Any:
        """A size that was ``here`` in the recorded run and ``there`` in the one with another batch."""
        if not isinstance(there, int) or here == there:
            return size
        mine, theirs = self._lengths
        if self.batch is None or here * theirs != there * mine:
            raise RefusalError("a size depends on the batch in an unusual way")
        return ("scaled", size, mine)

    def known(self, value: Value) -> bool:
        """Whether a value has been made."""
        return value in self._ids

    def emit(self, op: str, args: tuple[Any, ...]) -> int:
        """Write a node whose result is no recorded value."""
        number = self.fresh(Value(()))
        self.nodes.append(Node(op, args, (), number))
        return number

    def read(self, value: Value) -> Any:
        """A reference to a value, which is made first if it is still pending.

        Raises:
            RefusalError: It comes from elsewhere, or what is kept of it is no block.
        """
        if value not in self._ids and value in self.pending:
            self._ids[value] = detour(self, value)
        if value in self._ids:
            if self.layout.of(value) is None:
                raise RefusalError("what is kept of a tensor that it passes on does not form a block")
            return ("v", self._ids[value])
        for name in value.names:
            if name.startswith(self._prefix):
                return ("w", name.removeprefix(self._prefix))
        return ("v", constant(self, value))


def _like(args: Sequence[Any], other: Entry | Frame | None, name: str) -> Sequence[Any]:
    found = getattr(other, name) if other is not None else None
    return found if found is not None and len(found) == len(args) else [None] * len(args)
