import dataclasses

from hypothesis import given
from hypothesis import strategies as st
from tiny_task import judgement

from cpruner.env import Judgement
from cpruner.evaluate import Score
from cpruner.search import front

# few distinct numbers, so that ties and equal points are common
levels = st.integers(0, 3).map(float)
points = st.lists(st.tuples(st.integers(1, 8), levels, levels, levels), max_size=12)


def archive_of(found: list[tuple[int, float, float, float]]) -> list[Judgement]:
    """Judgements of (width, accuracy, flops, energy); a width seen before is the same candidate judged again."""
    first = {width: (accuracy, flops, energy) for width, accuracy, flops, energy in reversed(found)}
    return [
        judgement((1, 1, width), first[width][0], flops=first[width][1], energy=first[width][2]) for width, *_ in found
    ]


def beats(left: Judgement, right: Judgement) -> bool:
    """No worse in accuracy and in every cost, and better in one of them."""
    gains = [left.score.accuracy - right.score.accuracy]
    gains += [theirs.value - ours.value for ours, theirs in zip(left.readings, right.readings, strict=True)]
    return min(gains) >= 0 and max(gains) > 0


def test_a_hand_made_front() -> None:
    fast = judgement((1, 1, 1), 0.5, flops=0.2, energy=0.9)
    frugal = judgement((1, 1, 2), 0.6, flops=0.8, energy=0.1)
    best = judgement((1, 1, 3), 0.9, flops=2.0, energy=2.0)
    beaten_by_frugal = judgement((1, 1, 4), 0.6, flops=0.8, energy=0.2)
    beaten_by_fast = judgement((1, 1, 5), 0.4, flops=0.3, energy=0.95)
    between = judgement((1, 1, 6), 0.55, flops=0.5, energy=0.5)
    archive = [beaten_by_frugal, fast, between, best, beaten_by_fast, frugal]
    assert front(archive) == (best, frugal, between, fast)


def test_candidates_that_tie_in_everything_stay_and_repeats_do_not() -> None:
    twins = [judgement((1, 1, width), 0.5, flops=0.5) for width in (1, 2)]
    assert front([*twins, twins[0], twins[1]]) == tuple(twins)


def test_without_constraints_only_the_most_accurate_stay() -> None:
    assert front([judgement((1, 1, 1), 0.3), best := judgement((1, 1, 2), 0.4)]) == (best,)
    assert front([]) == ()


def test_infeasible_candidates_belong_to_it_too() -> None:
    over = judgement((1, 1, 1), 0.9, flops=1.7)
    assert front([over, judgement((1, 1, 2), 0.8, flops=0.9)])[0] is over


def test_estimates_take_no_part() -> None:
    whole = judgement((1, 1, 1), 0.7, flops=0.5)
    lucky = dataclasses.replace(judgement((1, 1, 2), flops=0.1), score=Score(0.9, 0.1, 5, None, 0.95))
    assert front([lucky, whole]) == (whole,)


@given(points)
def test_nobody_on_it_is_beaten_and_everybody_left_out_is(found: list[tuple[int, float, float, float]]) -> None:
    archive = archive_of(found)
    kept = front(archive)
    assert set(kept) <= set(archive)
    assert len(kept) == len({judged.candidate for judged in kept})
    assert not any(beats(left, right) for left in archive for right in kept)
    left_out = [judged for judged in archive if judged not in kept]
    assert all(any(beats(left, right) for left in kept) for right in left_out)
    accuracies = [judged.score.accuracy for judged in kept]
    assert accuracies == sorted(accuracies, reverse=True)
