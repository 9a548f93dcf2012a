"""How much of a network cannot shrink at all, and why, from what a space says about itself."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Protocol

_MEMBER = re.compile(r"(.*)\[(\d+)\]")


class Entry(Protocol):
    """A tensor axis that keeps indices: ``kept`` of its ``size`` stay, for a ``reason``."""

    @property
    def tensor(self) -> str: ...  # noqa: D102
    @property
    def axis(self) -> int: ...  # noqa: D102
    @property
    def kept(self) -> int: ...  # noqa: D102
    @property
    def reason(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Stuck:
    """Scalars none of whose axes can shrink.

    Args:
        params: How many.
        reasons: The same by reason, the greatest first; names of modules become a star.
        unexplained: Those of tensors that are in no group and have no reason.
        axes: Parameter axes with indices that stay.
    """

    params: int
    reasons: dict[str, int]
    unexplained: int
    axes: int


def stuck(shapes: Mapping[str, tuple[int, ...]], members: Iterable[str], entries: Iterable[Entry]) -> Stuck:
    """Count what cannot shrink.

    Args:
        shapes: Shape by parameter name.
        members: Tensor axes that shrink, as ``name[axis]``.
        entries: Tensor axes that keep indices; axes of buffers are left out.
    """
    shrinking = {(match[1], int(match[2])) for match in map(_MEMBER.fullmatch, members) if match}
    kept: dict[tuple[str, int], int] = {}
    said: dict[str, list[str]] = {}
    for entry in entries:
        if entry.tensor in shapes:
            kept[entry.tensor, entry.axis] = entry.kept
            said.setdefault(entry.tensor, []).append(general(entry.reason))
    reasons, unexplained = Counter[str](), 0
    for name, shape in shapes.items():
        stays = [kept.get((name, a), 0) if (name, a) in shrinking else size for a, size in enumerate(shape)]
        if prod(stays):
            reason = said[name][0] if name in said else "a single number" if prod(shape) == 1 else ""
            reasons[reason or "no reason given"] += prod(stays)
            unexplained += 0 if reason else prod(stays)
    return Stuck(sum(reasons.values()), dict(reasons.most_common()), unexplained, len(kept))


def general(reason: str) -> str:
    """A reason without the names of modules (but not of ops) in it, so that equal reasons add up."""
    return re.sub(r"(op )?'[^']*'", lambda match: match[0] if match[1] else "'*'", reason)
