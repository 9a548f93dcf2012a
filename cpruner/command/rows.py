"""From results to the rows of the report. The test split is read here, after every choice has been made."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

from cpruner.constraint import Flops, Latency, Macs, Params, Reading
from cpruner.data import Splits
from cpruner.evaluate import score
from cpruner.report import BudgetRow, Course, GroupWidth, History, Row, SearchWarning, search_warnings
from cpruner.result import Result
from cpruner.screen import RANDOM, keep_ratios
from cpruner.search import SearchResult
from cpruner.settings import AGENT
from cpruner.space import Candidate, PruningSpace


@dataclass(frozen=True)
class RowMaker:
    """Measures finished networks for the table."""

    result: Result
    splits: Splits

    def row(self, name: str, network: nn.Module, readings: tuple[Reading, ...], evaluations: int = 0) -> Row:
        """Score a network on the search and test split and read its costs."""
        inputs = self.result.prepared.inputs
        return Row(
            name=name,
            search_accuracy=score(network, self.splits.search).accuracy,
            test_accuracy=score(network, self.splits.test).accuracy,
            flops=Flops().measure(network, inputs).value,
            macs=Macs().measure(network, inputs).value,
            params=Params().measure(network, inputs).value,
            latency_ms=Latency().measure(network, inputs).value,
            violation=max((reading.violation for reading in readings), default=0.0),
            evaluations=evaluations,
        )

    def dense(self) -> Row:
        """The network as it was given."""
        return self.row("dense", self.result.prepared.task.model, self.result.prepared.dense)

    def best(self, name: str, found: SearchResult) -> Row:
        """The best candidate of a search before fine-tuning; without a feasible one, the least violating."""
        judgement = found.best or min(found.archive, key=lambda judgement: judgement.violation)
        network = self.result.prepared.finish(judgement.candidate)
        return self.row(name, network, judgement.readings, len(found.archive))

    def searched(self, name: str, evaluations: int) -> Row:
        """The chosen candidate before fine-tuning."""
        chosen = self.result.searched
        return self.row(name, self.result.prepared.finish(chosen.candidate), chosen.readings, evaluations)


def budget_rows(readings: tuple[Reading, ...]) -> tuple[BudgetRow, ...]:
    """Budgets as measured."""
    return tuple(BudgetRow(r.name, r.unit, r.limit, r.value, r.satisfied) for r in readings)


def group_widths(space: PruningSpace, candidate: Candidate) -> tuple[GroupWidth, ...]:
    """Kept channels per group."""
    return tuple(
        GroupWidth(group.name, group.size, width) for group, width in zip(space.groups, candidate.widths, strict=True)
    )


def history(found: SearchResult) -> History:
    """The course of a search."""
    course = Course()
    for judgement in found.archive:
        costs = {reading.name: reading.scaled for reading in judgement.readings}
        course.judged(judgement.score.accuracy, costs, keep_ratios(judgement.candidate))
    for update in found.updates:
        course.learnt(update.multipliers, update.scalars)
    return course.history


def warnings(searches: Mapping[str, SearchResult]) -> tuple[SearchWarning, ...]:
    """What was wrong with the agent's search when it ended; compared with random choices where those were made too."""
    agent, reference = history(searches[AGENT]), searches.get(RANDOM)
    return search_warnings(agent, len(agent.accuracy), reference=None if reference is None else history(reference))
