"""Progress: one live line in a terminal; elsewhere a search writes a plain line now and then."""

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import TextIO, final

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from cpruner.report.quantity import percent


@final
class SearchProgress:
    """Shows evaluations done, the best network that met every budget, costs against limits, and multipliers.

    Args:
        total: Evaluations the search may make.
        console: Where to write.
        lines: Where the console is no terminal: how many lines to write in all.
    """

    def __init__(self, total: int, console: Console, lines: int = 10) -> None:
        self.total, self.console = total, console
        self._step = max(1, -(-total // lines))
        self._next = self._step
        state = TextColumn("{task.fields[state]}", markup=False)
        self._bar = _live(console, MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(), state)
        self._task = self._bar.add_task("search", total=total, state="")

    def __enter__(self) -> "SearchProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(
        self, done: int, best: float | None, scaled_costs: Mapping[str, float], multipliers: Mapping[str, float]
    ) -> None:
        """Show where the search stands.

        Args:
            done: Evaluations made so far.
            best: Search accuracy in [0, 1] of the best network that met every budget; None before the first.
            scaled_costs: Name of a budget -> cost / limit of the network judged last.
            multipliers: Name of a budget -> Lagrange multiplier.
        """
        state = describe(best, scaled_costs, multipliers)
        self._bar.update(self._task, completed=done, state=state)
        if not self.console.is_terminal and done >= min(self._next, self.total):
            self.console.print(f"search {done}/{self.total}  {state}", highlight=False, markup=False, soft_wrap=True)
            self._next = (done // self._step + 1) * self._step


@final
class PhaseProgress:
    """Shows that a phase of unknown length is at work, and for how long; nothing where the console is no terminal.

    Args:
        name: Of the phase.
        console: Where to write.
    """

    def __init__(self, name: str, console: Console) -> None:
        self._bar = _live(console, TimeElapsedColumn(), transient=True)
        self._bar.add_task(name, total=None)

    def __enter__(self) -> "PhaseProgress":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def describe(best: float | None, scaled_costs: Mapping[str, float], multipliers: Mapping[str, float]) -> str:
    """The state of a search in one line, such as "best 84.20 %  flops 0.98  latency 1.07!  lambda flops 0.12".

    Args:
        best: Best search accuracy within the budgets, or None.
        scaled_costs: Cost / limit by name of the budget; above 1 it is marked by "!".
        multipliers: Lagrange multipliers by name of the budget.
    """
    parts = ["best none within budgets yet" if best is None else f"best {percent(best)}"]
    parts += [f"{name} {cost:.2f}{'!' if cost > 1 else ''}" for name, cost in scaled_costs.items()]
    if multipliers:
        parts.append("lambda " + " ".join(f"{name} {value:.3g}" for name, value in multipliers.items()))
    return "  ".join(parts)


def _watched(stream: TextIO | None) -> bool:
    """Whether somebody watches a standard stream; a program without a console has none."""
    return stream is not None and stream.isatty()


def _live(console: Console, *columns: ProgressColumn, transient: bool = False) -> Progress:
    """A live line. Other output goes round it if it would land in the same terminal, else where it was meant to go.

    It is drawn four times a second, not to disturb what is being timed.
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(20),
        *columns,
        console=console,
        disable=not console.is_terminal,
        transient=transient,
        refresh_per_second=4,
        redirect_stdout=_watched(sys.stdout),
        redirect_stderr=_watched(sys.stderr),
    )
