"""What can be removed together, and what cannot and why: printable values."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Group:
    """Channels of one width decision.

    Args:
        name: Module that makes the channels first.
        size: Number of channels.
        members: Tensor axes that shrink with it, as ``name[axis]``.
        step: Widths are multiples of this, where the group is large enough.
        producer: The member that makes the channels first: the output axis of a layer's weight, as a rule.
    """

    name: str
    size: int
    members: tuple[str, ...]
    step: int = 1
    producer: str = ""


@dataclass(frozen=True)
class Frozen:
    """A tensor axis that keeps (some of) its indices, and the reason a user can act on."""

    tensor: str
    axis: int
    size: int
    kept: int
    reason: str


@dataclass(frozen=True)
class Across:
    """One computation of statistics during the forward pass; places are those of the plan's table of labels.

    Args:
        channels: Labels of the axis the statistics run along, None where it is fixed.
        groups: Labels of one channel per group, where whole groups are removed.
        axis: The axis of the input.
    """

    channels: int | None
    groups: int | None
    axis: int


@dataclass(frozen=True)
class Rewritten:
    """A module that runs a program instead of its own code once something is removed, and why."""

    module: str
    reason: str
