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
        score: Network -> score on the search split.
        budgets: Budgets to read.
        example_inputs: What the costs are measured on.
        dense: Dense value of every cost, by budget name.
        memo: Judgements by candidate; fill it beforehand to continue an interrupted search.
    """

    build: Callable[[Candidate], nn.Module]
    score: Callable[[nn.Module], Score]
    budgets: Sequence[Budget]
    example_inputs: tuple[Any, ...]
    dense: Mapping[str, float]
    memo: Memo[Candidate, Judgement] = field(default_factory=Memo)

    def __call__(self, candidate: Candidate) -> Judgement:
        """Judge a candidate.

        Raises:
            CostError: A cost function failed on it.
        """
        return self.memo.recall(candidate, lambda: self._judge(candidate))

    def _judge(self, candidate: Candidate) -> Judgement:
        network = self.build(candidate)
        readings = read(self.budgets, network, self.example_inputs, self.dense)
        return Judgement(candidate, self.score(network), readings)
