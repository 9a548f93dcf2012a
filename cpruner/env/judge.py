"""Judging one candidate: cut, repair, measure its costs, score it on the search split."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, Reading, read
from cpruner.evaluate import Memo, Score


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
        memo: Judgements by candidate.
        abandon: Whether a candidate that cannot come near the floor is judged on its first images only.
    """

    build: Callable[[Candidate], nn.Module]
    score: Callable[..., Score]
    budgets: Sequence[Budget]
    example_inputs: tuple[Any, ...]
    dense: Mapping[str, float]
    memo: Memo[Candidate, Judgement] = field(default_factory=Memo)
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
        floor = floor if self.abandon else None
        known = self.memo.get(candidate)
        if known is not None and not settled(known, floor):
            del self.memo[candidate]
        return self.memo.recall(candidate, lambda: self._judge(candidate, floor))

    def remember(self, judgement: Judgement) -> None:
        """Take over a judgement made elsewhere, to continue an interrupted search; a complete one is kept."""
        known = self.memo.get(judgement.candidate)
        if known is None or not known.score.complete:
            self.memo[judgement.candidate] = judgement

    def _judge(self, candidate: Candidate, floor: float | None) -> Judgement:
        network = self.build(candidate)
        readings = read(self.budgets, network, self.example_inputs, self.dense)
        return Judgement(candidate, self.score(network) if floor is None else self.score(network, floor), readings)


def settled(judgement: Judgement, floor: float | None) -> bool:
    """Whether a judgement holds for a floor: a complete one always, an abandoned one if its own was no higher."""
    abandoned = judgement.score.abandoned
    return abandoned is None or (floor is not None and floor >= abandoned)
