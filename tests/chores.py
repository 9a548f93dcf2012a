"""What workers do in the tests of the pool; in a module of its own, which they can import."""

import os
import signal
from pathlib import Path
from typing import Any

import torch

from cpruner.errors import CostError


def chore(item: tuple[Any, ...]) -> Any:
    """Do what the item says."""
    return _CHORES[item[0]](*item[1:])


def die(marker: str, times: int = 1) -> int:
    """Be killed so often, as by the kernel when memory runs out; then say how often it was."""
    path = Path(marker)
    deaths = len(path.read_text()) if path.exists() else 0
    if deaths < times:
        path.write_text("x" * (deaths + 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return deaths


def fail(message: str) -> None:
    """Raise what a cost function raises."""
    raise CostError(message)


def press() -> str:
    """Survive Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)
    return "alive"


_CHORES: dict[str, Any] = {
    "die": die,
    "fail": fail,
    "press": press,
    "pid": os.getpid,
    "double": lambda number: 2 * number,
    "variable": os.environ.get,
    "threads": torch.get_num_threads,
}
