"""What can be removed together, and what cannot and why: printable values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Channels of one width decision.

    Args:
        name: Module that makes the channels first.
        size: Number of channels.
        members: Tensor axes that shrink with it, as ``name[axis]``.
    """

    name: str
    size: int
    members: tuple[str, ...]


@dataclass(frozen=True)
class Frozen:
    """A tensor axis that keeps (some of) its indices, and the reason a user can act on."""

    tensor: str
    axis: int
    size: int
    kept: int
    reason: str
