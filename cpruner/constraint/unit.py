"""Units: which texts a limit may end in, and what one of each is worth in the unit of the cost."""

from collections.abc import Mapping

_LARGE = {"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_SMALL = {"m": 1e-3, "u": 1e-6, "n": 1e-9}

_TIME = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "min": 60 * 10**9}  # in ns
_DECIMAL = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_BYTES = _DECIMAL | {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_COUNTS = {"FLOPs": "FLOP", "MACs": "MAC", "params": "parameters"}  # unit: its second spelling


def accepted(unit: str) -> Mapping[str, float]:
    """Unit texts a limit in ``unit`` may carry, each with its worth in ``unit``.

    Args:
        unit: Unit of the cost: a time, bytes, "FLOPs", "MACs", "params", any other text, or "".

    Returns:
        Unit text -> factor. Times and bytes convert within their family; counts and any other unit take the prefixes
        k, M, G and T, alone or in front of the unit, and an unknown unit also m, u and n in front.
    """
    for family in (_TIME, _BYTES):
        if unit in family:
            return {text: size / family[unit] for text, size in family.items()}
    spellings = [unit, _COUNTS[unit]] if unit in _COUNTS else [unit] if unit else []
    texts = dict.fromkeys(spellings, 1.0)
    texts |= {prefix + text: size for text in ["", *spellings] for prefix, size in _LARGE.items()}
    if unit and unit not in _COUNTS:
        texts |= {prefix + unit: size for prefix, size in _SMALL.items()}
    return texts


def worth(text: str, unit: str) -> float | None:
    """What one ``text`` is worth in ``unit``, or None if it is no such unit.

    Case does not matter within times, bytes and counts; elsewhere it does, for a mJ is no MJ.
    """
    known = accepted(unit)
    if text in known or unit not in _TIME | _BYTES | _COUNTS:
        return known.get(text)
    folded = {factor for other, factor in known.items() if other.casefold() == text.casefold()}
    return folded.pop() if len(folded) == 1 else None
