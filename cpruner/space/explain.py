"""Says in words what a space does with a network, a module or a tensor."""

from cpruner.candidate import FIXED
from cpruner.errors import InputError
from cpruner.space.module_of import module_of
from cpruner.space.space import PruningSpace


def explain(space: PruningSpace, name: str) -> str:
    """What can go of one module or tensor, together with what, and why the rest stays.

    Args:
        space: A traced space.
        name: Path of a module, or name of a parameter or buffer.

    Raises:
        InputError: The space knows no such module or tensor.
    """
    lines = [line for tensor, axis in _axes(space) if _within(tensor, name) for line in _axis(space, tensor, axis)]
    lines += [
        f"{r.module}: runs a program of cpruner instead of its own code: {r.reason}"
        for r in space.rewritten
        if r.module == name or r.module.startswith(f"{name}.")
    ]
    if not lines:
        known = sorted({module_of(tensor)[0] for tensor, _ in _axes(space)})
        raise InputError(
            "name",
            expected="a module or tensor of the traced network",
            got=name,
            remedy=f"Known are {', '.join(known[:5])}, ...",
        )
    return "\n".join(lines)


def _axes(space: PruningSpace) -> list[tuple[str, int]]:
    found = {(cut.tensor, cut.axis): None for cut in space.plan.cuts}
    found.update({(entry.tensor, entry.axis): None for entry in space.frozen})
    return list(found)


def _within(tensor: str, name: str) -> bool:
    return tensor == name or module_of(tensor)[0] == name or tensor.startswith(f"{name}.")


def _axis(space: PruningSpace, tensor: str, axis: int) -> list[str]:
    lines = []
    for cut in space.plan.cuts_of.get(tensor, ()):
        if cut.axis == axis:
            units_FN = space.plan.labels[cut.labels].units_FN
            gone = int((units_FN != FIXED).any(0).sum())
            for number in sorted(space.plan.groups_of[cut.labels]):
                group = space.groups[number]
                others = [member for member in group.members if member != f"{tensor}[{axis}]"]
                shown = ", ".join(others[:4]) + (f" and {len(others) - 4} more" if len(others) > 4 else "")
                lines.append(
                    f"{tensor}[{axis}]: {gone} of {units_FN.shape[1]} indices can go with group '{group.name}' "
                    f"({group.size} units), together with {shown or 'nothing else'}"
                )
    for entry in space.frozen:
        if (entry.tensor, entry.axis) == (tensor, axis):
            lines.append(f"{tensor}[{axis}]: {entry.kept} of {entry.size} indices stay: {entry.reason}")
    return lines
