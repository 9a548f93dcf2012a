"""Phases of a run: what is going on, and how long it took."""

import time
from collections.abc import MutableMapping
from types import TracebackType
from typing import final

from rich.console import Console
from rich.text import Text


@final
class Phase:
    """Announces a phase, times it, and says when it is over; use it as a context manager.

    Args:
        name: What goes on, such as "search".
        console: Where to write.
        seconds: If given, gains the wall-clock time in seconds under ``name``.
    """

    def __init__(self, name: str, console: Console, seconds: MutableMapping[str, float] | None = None) -> None:
        self.name, self.console, self.seconds = name, console, seconds
        self._start = 0.0

    def __enter__(self) -> "Phase":
        self._start = time.perf_counter()
        self.note("...")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        elapsed = time.perf_counter() - self._start
        if self.seconds is not None:
            self.seconds[self.name] = elapsed
        self.note(f"{'done' if kind is None else 'failed'} after {elapsed:.1f} s")

    def note(self, text: str) -> None:
        """Write a line about this phase."""
        self.console.print(Text.assemble((self.name, "bold"), " ", text), soft_wrap=True)
