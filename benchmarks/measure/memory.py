"""Resident memory of this process, from the kernel."""

import os
import resource
import sys
from pathlib import Path

MB = 2**20


def peak_mb() -> float:
    """Greatest resident set so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB


def resident_mb() -> float:
    """Resident set now, in MiB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MB


def limit(gib: float) -> None:
    """Let allocations beyond this fail as an error of this process, before the machine kills a neighbour.

    Args:
        gib: Private writable memory; 0 for no limit.
    """
    if gib > 0:
        size = int(gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (size, size))
