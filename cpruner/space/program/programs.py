"""Which modules need a program, and the smallest ones that can have it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from cpruner.candidate import Program
from cpruner.space.label import Table
from cpruner.space.program.builder import Builder
from cpruner.space.program.layout import Layout
from cpruner.space.program.refusal import RefusalError
from cpruner.space.program.sizes import REWRITES
from cpruner.space.run import Frame, asked

_UNTOLD = " (what its code does in training mode only, dropout aside, may be missing)"


@dataclass
class Programs:
    """Programs by path of the module, and labels that must stay because no module around them can be rewritten."""

    written: dict[str, Program] = field(default_factory=dict)
    refused: list[tuple[Tensor, str]] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)


def programs(root: Frame, twin: Frame | None, layout: Layout, table: Table, wanted: Mapping[str, str]) -> Programs:
    """Write a program for every module that states a size of something that can shrink.

    A module that cannot have one is written out inside the module around it, up to the model itself.

    Args:
        root: The recorded run.
        twin: The same run with another batch size, or None.
        layout: Labels of the recorded values.
        table: Receives the labels that programs refer to.
        wanted: Further modules that need a program, and why.
    """
    tree = _Tree(root, twin)
    found, inlined = Programs(reasons=dict(wanted)), set[int]()
    for frame in tree.frames:
        for plane, reason in frame.baked:
            if layout.of_planes((plane,)) != {}:
                found.reasons.setdefault(frame.path, reason)
    todo = set(found.reasons)
    while todo:
        path = max(sorted(todo), key=lambda p: tree.depth[p])  # sorted, so that every process writes the same plan
        todo.discard(path)
        try:
            found.written[path] = _program(tree, path, layout, table, frozenset(inlined))
        except RefusalError as refusal:
            found.failed[path] = str(refusal)
            runs = tree.runs[path]
            inlined.update(id(frame) for frame in runs)
            if path == "":
                found.refused += tree.blame(inlined, str(refusal))
            for parent in sorted({tree.parent[id(frame)].path for frame in runs if id(frame) in tree.parent}):
                found.reasons.setdefault(parent, f"'{path}' inside it cannot be rewritten alone: {refusal}")
                todo.add(parent)
    found.reasons |= {path: found.reasons[path] + _UNTOLD for path in found.written if tree.asks(path, inlined)}
    return found


def _program(tree: "_Tree", path: str, layout: Layout, table: Table, inlined: frozenset[int]) -> Program:
    written: set[Program] = set()
    for frame in tree.runs[path]:
        written.add(Builder(frame, tree.twin.get(id(frame)), layout, table, REWRITES, inlined).program())
    if len(written) > 1:
        raise RefusalError("it runs more than once, each time differently")
    return written.pop()


class _Tree:
    """Frames by path, with parents, depths and their twins of the second run."""

    def __init__(self, root: Frame, twin: Frame | None) -> None:
        self.frames: list[Frame] = []
        self.runs: dict[str, list[Frame]] = {}
        self.depth: dict[str, int] = {}
        self.parent: dict[int, Frame] = {}
        self.twin: dict[int, Frame] = {}
        self._visit(root, twin, 0)

    def _visit(self, frame: Frame, twin: Frame | None, depth: int) -> None:
        self.frames.append(frame)
        self.runs.setdefault(frame.path, []).append(frame)
        self.depth[frame.path] = max(depth, self.depth.get(frame.path, 0))
        if twin is not None:
            self.twin[id(frame)] = twin
        same = twin is not None and len(twin.entries) == len(frame.entries)
        for number, entry in enumerate(frame.entries):
            if isinstance(entry, Frame):
                other = twin.entries[number] if same and twin is not None else None
                self.parent[id(entry)] = frame
                self._visit(entry, other if isinstance(other, Frame) else None, depth + 1)

    def asks(self, path: str, inlined: set[int]) -> bool:
        """Whether a module, or one inside that is written out with it, asks for training mode but for dropout."""
        todo = list(self.runs[path])
        while todo:
            frame = todo.pop()
            if asked(frame.kind).untold > frame.drops:
                return True
            todo += [entry for entry in frame.entries if isinstance(entry, Frame) and id(entry) in inlined]
        return False

    def blame(self, inlined: set[int], reason: str) -> list[tuple[Tensor, str]]:
        """All sizes stated in modules that could not be rewritten."""
        return [
            (labels, f"{stated} in the forward of '{frame.path or 'the model'}', which cannot be rewritten: {reason}")
            for frame in self.frames
            if id(frame) in inlined
            for labels, stated in frame.baked
        ]
