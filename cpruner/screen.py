"""What a run shows while it works, and what it logs for TensorBoard; docs/diagnostics.md lists every number."""

from collections.abc import Callable, Mapping, Sequence
from typing import final

from rich.console import Console
from rich.text import Text

from cpruner.candidate import Candidate
from cpruner.constraint import Reading
from cpruner.evaluate import Score
from cpruner.finetune import EpochLog
from cpruner.report import Course, EventLog, History, PhaseProgress, SearchProgress, SearchWarning, search_warnings
from cpruner.search import Progress
from cpruner.settings import AGENT
from cpruner.space import PruningSpace

RANDOM = "random"
"""Name of the baseline that the agent is compared with."""

_RECENT = 50  # evaluations that the share of feasible ones is taken over
_RATIOS = 200  # most groups whose ratios are logged, and most evaluations for which they are
_CHECKS = 20  # times in a search that warnings are looked for


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
        self._searched: History | None = None
        self._warned: set[str] = set()

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
        """Show and log every evaluation of a search; warn of what goes wrong in the agent's."""
        course = Course()

        def show(progress: Progress) -> None:
            if not isinstance(self._bar, SearchProgress):
                self.close()
                self._bar = SearchProgress(progress.total, self.console).__enter__()
            fresh = progress.update if _is_fresh(progress) else None
            if fresh is not None:
                course.learnt(fresh.multipliers, fresh.scalars)
            ratios, costs = keep_ratios(progress.last.candidate), {r.name: r.scaled for r in progress.last.readings}
            course.judged(progress.last.score.accuracy, costs, ratios)
            multipliers = {} if progress.update is None else dict(progress.update.multipliers)
            best = None if progress.best is None else progress.best.score.accuracy
            self._bar.update(progress.evaluations, best, costs, multipliers)
            values = _scalars(name, progress, course.feasible_share(_RECENT))
            self._scalars(
                progress.evaluations, values | (ratio_scalars(name, ratios) if _is_due(progress, _RATIOS) else {})
            )
            self._watch(name, progress, course)

        return show

    def _watch(self, name: str, progress: Progress, course: Course) -> None:
        """Look for warnings now and then, and at the end of the search."""
        if name == AGENT and _is_due(progress, _CHECKS):
            start = progress.evaluations - len(course)
            self._searched = course.history
            self._warn(search_warnings(self._searched, progress.total, start=start))
        elif name == RANDOM and progress.evaluations == progress.total and self._searched is not None:
            self._warn(search_warnings(self._searched, progress.total, reference=course.history))

    def _warn(self, warnings: Sequence[SearchWarning]) -> None:
        for warning in warnings:
            if warning.kind not in self._warned:
                self._warned.add(warning.kind)
                self.console.print(warning_text(warning))

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


def keep_ratios(candidate: Candidate) -> dict[str, float]:
    """Name of a group -> share of its channels that are kept."""
    groups = zip(candidate.plan.names, candidate.plan.sizes, candidate.widths, strict=True)
    return {name: width / size for name, size, width in groups}


def ratio_scalars(search: str, ratios: Mapping[str, float]) -> dict[str, float]:
    """Tags of keep ratios; of very many groups, evenly spaced ones and the mean of all."""
    names = list(ratios)
    chosen = names[:: -(-len(names) // _RATIOS)]
    mean = sum(ratios.values()) / len(ratios)
    return {f"{search}/ratio/{name}": ratios[name] for name in chosen} | {f"{search}/mean_ratio": mean}


def warning_text(warning: SearchWarning) -> Text:
    """One line for the console."""
    return Text.assemble(("warning: ", "yellow"), warning.text)


def _scalars(name: str, progress: Progress, feasible_share: float) -> dict[str, float]:
    values = {
        f"{name}/search_accuracy": progress.last.score.accuracy,
        f"{name}/search_loss": progress.last.score.loss,
        f"{name}/feasible_share": feasible_share,
    }
    if progress.best is not None:
        values[f"{name}/best_feasible"] = progress.best.score.accuracy
    values |= {f"{name}/cost/{reading.name}": reading.scaled for reading in progress.last.readings}
    update = progress.update
    if update is not None and _is_fresh(progress):
        values |= {f"{name}/proposed/{key}": value for key, value in update.costs.items()}
        values |= {f"{name}/multiplier/{key}": value for key, value in update.multipliers.items()}
        values |= {f"{name}/update/{key}": value for key, value in update.scalars.items()}
    return values


def _is_fresh(progress: Progress) -> bool:
    """Whether the update came just before this evaluation."""
    return progress.update is not None and progress.evaluations == progress.update.evaluations + 1


def _is_due(progress: Progress, times: int) -> bool:
    """Whether this is one of so many evaluations spread over the search; the last one is."""
    done, total = progress.evaluations, progress.total
    return done * times // total > (done - 1) * times // total
