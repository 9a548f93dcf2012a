"""Integer attributes of rewritten modules: nothing computes with them any more, but people and exporters read them."""

import re
from collections.abc import Iterable, Iterator, Mapping

from torch import nn

from cpruner.candidate import Labels, Program, Size
from cpruner.space.label import Table
from cpruner.space.program.layout import Layout
from cpruner.space.run import Entry, Frame, Value, values_of

_COUNTS = re.compile(
    r"(num_|n_)?(attention_)?heads?|nhead|(head|embed|hidden|inner|k|v)_?dim|dim_head|channels|all_head_size"
)


def stale(
    frames: Iterable[Frame], written: Iterable[Program], modules: Mapping[str, nn.Module], layout: Layout, table: Table
) -> Iterator[Size]:
    """Attributes such as ``num_heads`` and ``embed_dim`` that count an axis which shrinks inside the module.

    An attribute is taken to count the first shrinking axis of its length; sizes of heads are looked for from the last
    axis on.

    Args:
        frames: All recorded frames.
        written: Programs of the rewritten modules.
        modules: Modules by path.
        layout: Labels of the recorded values.
        table: Receives the labels.
    """
    paths = {program.module for program in written}
    seen: set[tuple[str, str]] = set()
    for frame in frames:
        if frame.path not in paths:
            continue
        for name, size in vars(modules[frame.path]).items():
            counts = type(size) is int and size > 1 and _COUNTS.fullmatch(name)
            if counts and (frame.path, name) not in seen:
                labels = _axis(frame, layout, size, backwards="head" in name and "dim" in name)
                if labels is not None:
                    seen.add((frame.path, name))
                    yield Size(frame.path, name, table.number(labels))


def _axis(frame: Frame, layout: Layout, size: int, *, backwards: bool) -> Labels | None:
    for value in _values(frame):
        found = sorted((layout.of(value) or {}).items(), reverse=backwards)
        for _, labels in found:
            if len(labels) == size:
                return labels
    return None


def _values(frame: Frame) -> Iterator[Value]:
    yield from values_of((frame.args, frame.kwargs))
    for entry in frame.entries:
        if isinstance(entry, Entry):
            yield from (value for value in values_of(entry.out) if not value.names)
