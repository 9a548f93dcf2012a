"""Repeated timings as median and quartiles."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any


def spread(values: Sequence[float]) -> dict[str, float | int]:
    """Median, quartiles and number of values; a single value is its own quartiles."""
    low, median, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": median, "low": low, "high": high, "n": len(values)}


def clock(call: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds of one call, and its result; garbage of earlier calls is collected before, so it is not charged here."""
    gc.collect()
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result
