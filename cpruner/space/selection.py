"""What the user wants pruned and kept: modules by name, glob or type, and groups declared by hand."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from cpruner.errors import InputError

#: A module by its path (with everything inside it), by a glob over paths, or by its class.
Pattern = str | type[nn.Module]

_AXIS = re.compile(r"(.+)\[(\d+)\]")


@dataclass(frozen=True)
class Selection:
    """Limits of a space.

    Args:
        include: Only channels made by these modules may go; None for all.
        exclude: These modules keep all their tensors as they are.
        declared: Groups declared by hand, each a tuple of tensor axes written as ``name[axis]`` that lose the same
            indices. They override what the trace found out about these axes.
    """

    include: tuple[Pattern, ...] | None = None
    exclude: tuple[Pattern, ...] = ()
    declared: tuple[tuple[str, ...], ...] = ()


def matches(model: nn.Module, patterns: Iterable[Pattern], what: str) -> Callable[[str], bool]:
    """A test for module paths.

    Args:
        model: The network.
        patterns: Paths, globs or classes.
        what: Name of the argument, for the message.

    Raises:
        InputError: A pattern fits no module.
    """
    paths = {path: module for path, module in model.named_modules() if path}
    chosen: set[str] = set()
    for pattern in patterns:
        found = {path for path, module in paths.items() if _fits(pattern, path, module)}
        if not found:
            raise InputError(
                what,
                expected="the name, a glob or the class of modules of this model",
                got=pattern,
                remedy=f"Its modules are named like {', '.join(list(paths)[:3])}.",
            )
        chosen |= found
    return lambda path: any(path == one or path.startswith(f"{one}.") for one in chosen)


def _fits(pattern: Pattern, path: str, module: nn.Module) -> bool:
    return fnmatchcase(path, pattern) if isinstance(pattern, str) else isinstance(module, pattern)


def tensor_axes(model: nn.Module, group: Sequence[str]) -> list[tuple[str, int]]:
    """The axes of one declared group.

    Raises:
        InputError: An axis that does not exist, or axes of different lengths.
    """
    tensors = {**dict(model.named_buffers()), **dict(model.named_parameters())}
    axes: list[tuple[str, int]] = []
    for member in group:
        found = _AXIS.fullmatch(member)
        name, axis = (found[1], int(found[2])) if found else (member, -1)
        if name not in tensors or not 0 <= axis < tensors[name].ndim:
            raise InputError(
                "declared",
                expected="axes of parameters or buffers, as 'layer.weight[0]'",
                got=member,
                remedy="See print(space) and model.named_parameters().",
            )
        axes.append((name, axis))
    lengths = {tensors[name].shape[axis] for name, axis in axes}
    if len(lengths) != 1:
        raise InputError(
            "declared",
            expected="axes of one length",
            got=dict(zip(group, (tensors[n].shape[a] for n, a in axes), strict=True)),
            remedy="Declare axes that lose the same indices.",
        )
    return axes
