"""Everything a user can get wrong, one class per meaning.

Every message says what was expected, what came and what to do about it.
"""


class CprunerError(Exception):
    """Root of all errors raised on purpose by cpruner."""

    def __reduce__(self) -> tuple[object, ...]:
        """Travel between processes by message and attributes, whatever ``__init__`` asks for."""
        return _restored, (type(self), self.args), self.__dict__


def _restored(kind: type[CprunerError], args: tuple[object, ...]) -> CprunerError:
    return kind.__new__(kind, *args)


class InputError(CprunerError, ValueError):
    """An argument, option or file is not what was asked for.

    Args:
        what: The argument or option, as the user knows it.
        expected: What would have been accepted.
        got: What came instead.
        remedy: One sentence that says what to do.
    """

    def __init__(self, what: str, *, expected: str, got: object, remedy: str) -> None:
        self.what = what
        super().__init__(f"{what}: expected {expected}, got {got}. {remedy}")


class TraceError(CprunerError):
    """The model could not be run on its example inputs, so nothing is known about its structure."""


class CostError(CprunerError):
    """A cost function raised, or returned something that is not a finite number."""


class InfeasibleError(CprunerError):
    """No candidate meets a budget.

    Args:
        constraint: Name of the budget that cannot be met.
        limit: The limit asked for, in ``unit``.
        smallest: The smallest value reached, in ``unit``.
        unit: Unit of both numbers.
        remedy: One sentence that says what to do.
    """

    def __init__(self, constraint: str, *, limit: float, smallest: float, unit: str, remedy: str) -> None:
        self.constraint, self.limit, self.smallest, self.unit = constraint, limit, smallest, unit
        super().__init__(
            f"budget '{constraint}' cannot be met: limit {limit:.6g} {unit}, "
            f"smallest value reached {smallest:.6g} {unit}. {remedy}"
        )


class ArtefactError(CprunerError):
    """A run directory is missing, damaged, or was made for another model."""


class CheckpointError(CprunerError):
    """A search checkpoint cannot be continued: damaged, or made for another model or search."""


class WorkerError(CprunerError):
    """The workers that judged a candidate died, as often as is allowed."""
