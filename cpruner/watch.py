"""Who is told what a run does."""

import sys
from collections.abc import Callable, Sequence
from typing import Protocol, final

from rich.console import Console

from cpruner.constraint import Reading
from cpruner.evaluate import Score
from cpruner.finetune import EpochLog
from cpruner.search import Progress
from cpruner.space import PruningSpace


class Watcher(Protocol):
    """Anything that wants to hear of a run's progress."""

    def phase(self, name: str) -> None:
        """A phase starts."""
        ...

    def prepared(self, space: PruningSpace, dense: Sequence[Reading], score: Score) -> None:
        """The network was traced and its dense costs and search score are known."""
        ...

    def evaluation(self, name: str) -> Callable[[Progress], None]:
        """A search by agent ``name`` starts; the result is called after every evaluation."""
        ...

    def epoch(self, log: EpochLog) -> None:
        """One epoch of training ended."""
        ...

    def close(self) -> None:
        """The run is over, well or not."""
        ...


@final
class Silent:
    """A watcher that ignores everything."""

    def phase(self, name: str) -> None:
        """Ignore it."""

    def prepared(self, space: PruningSpace, dense: Sequence[Reading], score: Score) -> None:
        """Ignore it."""

    def evaluation(self, name: str) -> Callable[[Progress], None]:  # noqa: ARG002 - the protocol has it
        """Ignore every evaluation."""
        return _ignore

    def epoch(self, log: EpochLog) -> None:
        """Ignore it."""

    def close(self) -> None:
        """Nothing is open."""


def _ignore(progress: Progress) -> None:
    """Nothing."""


def usual() -> Watcher:
    """A progress display on stderr where that is a terminal, silence elsewhere."""
    if sys.stderr is None or not sys.stderr.isatty():
        return Silent()
    from cpruner.screen import Screen  # here, because it brings matplotlib

    return Screen(Console(stderr=True))
