"""Limits as people write them: 0.5, 270000, "60 %", "3.2 ms", "12 MB", "1.5 GFLOPs", "270k"."""

import math
import numbers
import re
from dataclasses import dataclass

from cpruner.constraint.unit import accepted, worth
from cpruner.errors import InputError

_TEXT = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?[\d_]*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Limit:
    """A limit that has been understood.

    Args:
        value: Share of the dense network's cost in (0, 1] if ``relative``, else an amount in the unit of the cost.
        relative: Whether it is a share.
    """

    value: float
    relative: bool


def parse_limit(limit: float | str, unit: str, what: str = "limit") -> Limit:
    """Understand a limit.

    Args:
        limit: A plain number (or its text) in (0, 1] is a share of the dense network's cost, a plain number above 1
            an amount in ``unit``. Text may carry a unit, which makes it an amount, or "%", which makes it a share.
        unit: Unit of the cost that is limited.
        what: What messages call the limit.

    Raises:
        InputError: It is no number, not positive, not finite, a share above 1, or its unit is not one of the cost's.
    """
    if isinstance(limit, numbers.Real) and not isinstance(limit, bool):
        number, text = float(limit), ""
    else:
        number, text = _split(limit, what)
    if not (math.isfinite(number) and number > 0):
        raise _refusal(what, limit, "a finite number above 0", "Set the most that the network may cost.")
    if text == "%" or (text == "" and number <= 1):
        return Limit(_share(number / 100 if text else number, limit, what), relative=True)
    factor = worth(text, unit) if text else 1.0
    if factor is None:
        expected = f"one of the units {', '.join(accepted(unit))} or %"
        raise _refusal(what, limit, expected, "Write the limit in one of these, or budget a cost that has this unit.")
    return Limit(number * factor, relative=False)


def _split(limit: object, what: str) -> tuple[float, str]:
    matched = _TEXT.fullmatch(limit) if isinstance(limit, str) else None
    if matched is None:
        expected = "a number, alone or followed by a unit"
        raise _refusal(what, limit, expected, "Write it like 0.5, '60 %' or '3.2 ms'.")
    return float(matched[1]), "".join(matched[2].split())


def _share(number: float, limit: object, what: str) -> float:
    if number <= 1:
        return number
    expected = "a share of the dense network of at most 100 %"
    raise _refusal(what, limit, expected, "More than the dense network costs is no limit; lower it.")


def _refusal(what: str, limit: object, expected: str, remedy: str) -> InputError:
    return InputError(what, expected=expected, got=repr(limit), remedy=remedy)
