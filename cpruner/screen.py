"""What a run shows while it works, and what it logs for TensorBoard."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

from rich.console import Console

from cpruner.constraint import Reading
from cpruner.evaluate import Score
from cpruner.finetune import EpochLog
from cpruner.report import EventLog, PhaseProgress, SearchProgress
from cpruner.search import Progress
from cpruner.space import PruningSpace


@final
class Screen:
    """A watcher that shows phases, the dense network, live search progress and epochs.

    Args:
        console: Where to write.
        events: Open TensorBoard log for the scalars; None logs nothing.
        groups: Whether to list every group of the network, not only how many there are.
    """

    def __init__(self, console: Console, events: EventLog | None = None, *, groups: bool = False) -> None:
        self.console, self.events, self.groups = console, events, groups
        self._bar: SearchProgress | PhaseProgress | None = None

    def phase(self, name: str) -> None:
        """Name the phase; in a terminal its time runs until the next one."""
        self.close()
        self.console.print(f"[bold]{name}[/bold]")
        self._bar = PhaseProgress(name, self.console).__enter__()

    def prepared(self, space: PruningSpace, dense: Sequence[Reading], score: Score) -> None:
        """Show the dense network and its groups."""
        self.console.print(f"dense network: search accuracy {score.accuracy:.2%}", highlight=False)
        for reading in dense:
            amount = f"{reading.dense:.6g} {reading.unit}".strip()
            self.console.print(f"  {reading.name}: {amount}, limit {reading.limit:.6g}", highlight=False)
        text = str(space) if self.groups else str(space).partition("\n")[0]
        self.console.print(text, highlight=False, markup=False)

    def evaluation(self, name: str) -> Callable[[Progress], None]:
        """Show and log every evaluation of a search."""

        def show(progress: Progress) -> None:
            if not isinstance(self._bar, SearchProgress):
                self.close()
                self._bar = SearchProgress(progress.total, self.console).__enter__()
            multipliers = {} if progress.update is None else dict(progress.update.multipliers)
            best = None if progress.best is None else progress.best.score.accuracy
            costs = {reading.name: reading.scaled for reading in progress.last.readings}
            self._bar.update(progress.evaluations, best, costs, multipliers)
            self._log(name, progress)

        return show

    def _log(self, name: str, progress: Progress) -> None:
        values = {
            f"{name}/search_accuracy": progress.last.score.accuracy,
            f"{name}/search_loss": progress.last.score.loss,
        }
        if progress.best is not None:
            values[f"{name}/best_feasible"] = progress.best.score.accuracy
        values |= {f"{name}/cost/{reading.name}": reading.scaled for reading in progress.last.readings}
        update = progress.update
        if update is not None and progress.evaluations == update.evaluations + 1:
            values |= {f"{name}/proposed/{key}": value for key, value in update.costs.items()}
            values |= {f"{name}/multiplier/{key}": value for key, value in update.multipliers.items()}
            values |= {f"{name}/update/{key}": value for key, value in update.scalars.items()}
        self._scalars(progress.evaluations, values)

    def epoch(self, log: EpochLog) -> None:
        """Show and log an epoch of fine-tuning."""
        self._epoch("finetune", log)

    def dense_epoch(self, log: EpochLog) -> None:
        """Show and log an epoch of training the dense network."""
        self._epoch("dense", log)

    def _epoch(self, name: str, log: EpochLog) -> None:
        self.console.print(
            f"epoch {log.epoch}: training loss {log.train_loss:.4f}, search accuracy {log.search_accuracy:.2%}",
            highlight=False,
        )
        self._scalars(log.epoch, {f"{name}/loss": log.train_loss, f"{name}/search_accuracy": log.search_accuracy})

    def _scalars(self, step: int, values: Mapping[str, float]) -> None:
        if self.events is not None:
            self.events.scalars(step, values)

    def close(self) -> None:
        """End the live line, if there is one; the screen can still be used."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None
