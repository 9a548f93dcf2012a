"""The Pareto front of everything a search judged."""

from collections.abc import Sequence

from cpruner.env import Judgement


def front(archive: Sequence[Judgement]) -> tuple[Judgement, ...]:
    """Judged candidates that no other beats in search accuracy and every cost at once, most accurate first.

    Candidates that were abandoned take no part: their accuracy is an estimate.

    Args:
        archive: Judgements with the same constraints in the same order.
    """
    distinct = list({judgement.candidate: judgement for judgement in archive if judgement.score.complete}.values())
    kept = [judgement for judgement in distinct if not any(_dominates(other, judgement) for other in distinct)]
    return tuple(sorted(kept, key=lambda judgement: judgement.score.accuracy, reverse=True))


def _dominates(left: Judgement, right: Judgement) -> bool:
    """At least as good everywhere, better somewhere."""
    ours = (-left.score.accuracy, *(reading.value for reading in left.readings))
    theirs = (-right.score.accuracy, *(reading.value for reading in right.readings))
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))
