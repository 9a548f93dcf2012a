"""Quantities as people read them: 1.23 M, 84.20 %, 3.21 ms."""

import math

_PREFIXES = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_MISSING = "-"


def human(value: float | None, unit: str = "") -> str:
    """Three significant digits, a prefix from a thousand on, and the unit.

    Args:
        value: Any number; None and NaN show as "-".
        unit: Text to put behind the prefix.

    Returns:
        Such as "12", "1.23 M", "45.6 kB", "3.21 ms".
    """
    if value is None or math.isnan(value):
        return _MISSING
    if math.isinf(value):
        return f"{value:g} {unit}".strip()
    scale, prefix = 1.0, ""
    for size, letter in _PREFIXES:
        if abs(value) >= size * 0.9995:  # 999.7 k would round to 1000 k
            scale, prefix = size, letter
            break
    number = value / scale
    text = str(int(number)) if not prefix and number == int(number) else f"{number:#.3g}".rstrip(".")
    return f"{text} {prefix}{unit}".strip()


def percent(share: float | None, digits: int = 2) -> str:
    """A share as a percentage, such as "84.20 %"; None and NaN show as "-"."""
    if share is None or math.isnan(share):
        return _MISSING
    return f"{100 * share:.{digits}f} %"
