"""Judging candidates: cut, repair, measure their costs, score them on the search split; alone or with workers."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, Reading, read
from cpruner.evaluate import Memo, Score
from cpruner.pool import Workers

#: What a worker says of a candidate: its score, and the readings that need no quiet.
Found = tuple[Score, tuple[Reading, ...]]


@dataclass(frozen=True)
class Judgement:
    """A candidate, how good it is on the search split, and what it costs."""

    candidate: Candidate
    score: Score
    readings: tuple[Reading, ...]

    @property
    def feasible(self) -> bool:
        """Whether every budget is met by the upper end of its interval; counted costs have no spread."""
        return all(reading.certain for reading in self.readings)

    @property
    def violation(self) -> float:
        """Largest relative excess over a limit; 0 when feasible."""
        return max((reading.violation for reading in self.readings), default=0.0)


@dataclass(frozen=True)
class Judge:
    """Builds and measures candidates; the same candidate is never built twice.

    Args:
        build: Candidate -> repaired smaller network.
        score: Network -> score on the search split; where candidates are abandoned, network and floor -> score.
        budgets: Budgets to read.
        example_inputs: What the costs are measured on.
        dense: Dense value of every cost, by budget name.
        memo: Judgements by candidate; fill it beforehand to continue an interrupted search.
        workers: Whoever judges several candidates, with the ``Bench`` of this judge; None judges one after the other.
        cut: Candidate -> smaller network whose weights were not refit, for costs that do not depend on them; None where
            there is no quicker way than ``build``.
        abandon: Whether a candidate that cannot come near the floor is judged on its first images only.
    """

    build: Callable[[Candidate], nn.Module]
    score: Callable[..., Score]
    budgets: Sequence[Budget]
    example_inputs: tuple[Any, ...]
    dense: Mapping[str, float]
    memo: Memo[Candidate, Judgement] = field(default_factory=Memo)
    workers: Workers | None = None
    cut: Callable[[Candidate], nn.Module] | None = None
    abandon: bool = False

    def __call__(self, candidate: Candidate, floor: float | None = None) -> Judgement:
        """Judge a candidate.

        Args:
            candidate: What to keep.
            floor: Accuracy of the best feasible candidate so far; equal for all candidates of one update, so that no
                judgement depends on the order in which they are judged.

        Raises:
            CostError: A cost function failed on it.
        """
        floor = self._floor(floor)
        self._forget(candidate, floor)
        return self.memo.recall(candidate, lambda: self.anew(candidate, floor))

    def all(self, candidates: Sequence[Candidate], floor: float | None = None) -> Iterator[Judgement]:
        """Judge candidates, in their order; the workers judge those that are not known yet.

        What a budget asks to be measured in quiet is measured here, when the workers have done all the rest.

        Args:
            candidates: What to keep.
            floor: As for one.

        Raises:
            CostError: A cost function failed on one.
            WorkerError: The workers on one died, as often as is allowed.
        """
        if self.workers is None:
            yield from (self(candidate, floor) for candidate in candidates)
            return
        floor = self._floor(floor)
        for candidate in candidates:
            self._forget(candidate, floor)
        fresh = list(dict.fromkeys(candidate for candidate in candidates if candidate not in self.memo))
        found: Iterator[Found] = self._found(fresh, floor, self.workers)
        waiting = set(fresh)
        for candidate in candidates:
            if candidate in waiting:
                waiting.remove(candidate)
                self.memo.setdefault(candidate, self._whole(candidate, *next(found)))
            yield self.memo[candidate]

    def remember(self, judgement: Judgement) -> None:
        """Take over a judgement made elsewhere, to continue an interrupted search; a complete one is kept."""
        known = self.memo.get(judgement.candidate)
        if known is None or not known.score.complete:
            self.memo[judgement.candidate] = judgement

    def anew(self, candidate: Candidate, floor: float | None = None) -> Judgement:
        """Judge a candidate whether or not it is known.

        Torch's random state is always the same meanwhile, so nothing depends on what was judged before, or where.
        """
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            network = self.build(candidate)
            readings = read(self.budgets, network, self.example_inputs, self.dense)
            score = self.score(network) if floor is None else self.score(network, floor)
            return Judgement(candidate, score, readings)

    def _floor(self, floor: float | None) -> float | None:
        return floor if self.abandon else None

    def _forget(self, candidate: Candidate, floor: float | None) -> None:
        """An estimate for another floor does not hold."""
        known = self.memo.get(candidate)
        if known is not None and not settled(known, floor):
            del self.memo[candidate]

    def _found(self, fresh: Sequence[Candidate], floor: float | None, workers: Workers) -> Iterator[Found]:
        """What the workers say of every candidate."""
        items = [(candidate.kept, floor) for candidate in fresh]
        if workers.beside and any(budget.quiet for budget in self.budgets):
            return iter(list(workers.map(items)))  # all of it, for then it is quiet

        def keep(number: int, found: Found) -> None:
            self.memo[fresh[number]] = self._whole(fresh[number], *found)

        return workers.map(items, keep)

    def _whole(self, candidate: Candidate, score: Score, readings: tuple[Reading, ...]) -> Judgement:
        """Measure what the workers left out."""
        by_name = {reading.name: reading for reading in readings}
        missing = [budget for budget in self.budgets if budget.name not in by_name]
        if missing:
            measured = read(missing, self.build(candidate), self.example_inputs, self.dense)
            by_name |= {reading.name: reading for reading in measured}
        return Judgement(candidate, score, tuple(by_name[budget.name] for budget in self.budgets))


def settled(judgement: Judgement, floor: float | None) -> bool:
    """Whether a judgement holds for a floor: a complete one always, an abandoned one if its own was no higher."""
    abandoned = judgement.score.abandoned
    return abandoned is None or (floor is not None and floor >= abandoned)
