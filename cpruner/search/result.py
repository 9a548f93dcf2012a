"""What a search leaves behind: every judged candidate in order, every update, the best feasible candidate."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cpruner.env import Judgement
from cpruner.errors import InfeasibleError


@dataclass(frozen=True)
class Update:
    """One update of the agent.

    Args:
        evaluations: Candidates judged before it.
        reward: Mean total reward of its episodes.
        costs: Mean episode cost over its limit, by constraint.
        multipliers: lambda_K after it, by constraint; empty for agents without.
        scalars: The agent's own diagnostics.
    """

    evaluations: int
    reward: float
    costs: Mapping[str, float]
    multipliers: Mapping[str, float] = field(default_factory=dict)
    scalars: Mapping[str, float] = field(default_factory=dict)


def quality(judgement: Judgement) -> tuple[bool, float, float]:
    """Order of candidates: judged to the end, then lower search cross-entropy, then search accuracy.

    Whatever the reward is, the same decides what is returned, so that runs with different rewards can be compared. The
    cross-entropy says more about the accuracy on new images than the accuracy on a small search split does: on
    ResNet-20 the best of a search differ by less accuracy than a thousand images can tell. What an abandoned candidate
    has is an estimate, and never beats a judged one.
    """
    return judgement.score.complete, -judgement.score.loss, judgement.score.accuracy


def best_feasible(archive: Sequence[Judgement]) -> Judgement | None:
    """The best candidate that was judged to the end and meets every budget; the earliest one of equals."""
    feasible = [judgement for judgement in archive if judgement.feasible and judgement.score.complete]
    return max(feasible, key=quality, default=None)


@dataclass(frozen=True)
class SearchResult:
    """A finished (or interrupted) search.

    Args:
        archive: Judgements in the order they were made.
        updates: Updates of the agent, in order.
    """

    archive: tuple[Judgement, ...]
    updates: tuple[Update, ...] = ()

    @property
    def best(self) -> Judgement | None:
        """Best feasible candidate, None if there is none."""
        return best_feasible(self.archive)

    @property
    def ranked(self) -> tuple[Judgement, ...]:
        """Distinct feasible candidates that were judged to the end, best first."""
        judged = [judgement for judgement in self.archive if judgement.feasible and judgement.score.complete]
        distinct = {judgement.candidate: judgement for judgement in judged}
        return tuple(sorted(distinct.values(), key=quality, reverse=True))

    def require(self) -> Judgement:
        """The best feasible candidate.

        Raises:
            InfeasibleError: None was found; names the constraint that is hardest to meet and the smallest value
            reached.
        """
        if self.best is not None:
            return self.best
        least = [
            min((j.readings[k] for j in self.archive), key=lambda r: r.upper)
            for k in range(len(self.archive[0].readings))
        ]
        worst = max(least, key=lambda r: r.upper_share)
        if worst.certain:  # each was met by some candidate, but never all by one: look at the nearest
            worst = min(
                (max(j.readings, key=lambda r: r.upper_share) for j in self.archive), key=lambda r: r.upper_share
            )
        raise InfeasibleError(
            worst.name,
            limit=worst.limit,
            smallest=worst.upper,
            unit=worst.unit,
            remedy=f"None of {len(self.archive)} candidates met every budget: raise this limit, or search.evaluations.",
        )
