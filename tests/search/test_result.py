import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_task import judgement

from cpruner.errors import InfeasibleError
from cpruner.evaluate import Score
from cpruner.search import SearchResult, Update, best_feasible, quality

levels = st.integers(0, 2).map(lambda level: level / 2)
made = st.lists(st.tuples(levels, levels, st.sampled_from([0.5, 1.0, 1.5])), min_size=1, max_size=24)


def test_the_lower_loss_decides_and_then_the_accuracy() -> None:
    sure, right, lucky = (
        judgement((1, 1, 1), accuracy, loss) for accuracy, loss in ((0.7, 0.3), (0.8, 0.4), (0.7, 0.4))
    )
    assert sorted([lucky, right, sure], key=quality, reverse=True) == [sure, right, lucky]


def test_the_best_is_the_earliest_of_equals_among_the_feasible() -> None:
    archive = [
        judgement((1, 1, 1), 0.95, flops=1.01),
        judgement((1, 1, 2), 0.7, flops=0.5),
        first := judgement((1, 1, 3), 0.8, 0.3, flops=1.0),
        judgement((1, 1, 4), 0.8, 0.3, flops=0.2),
        judgement((1, 1, 5), 0.8, 0.9, flops=0.1),
    ]
    assert best_feasible(archive) is first
    assert SearchResult(tuple(archive)).best is first
    assert SearchResult(tuple(archive)).require() is first


def test_an_abandoned_candidate_is_never_returned() -> None:
    whole = judgement((1, 1, 1), 0.7, flops=0.5)
    lucky = dataclasses.replace(judgement((1, 1, 2), flops=0.5), score=Score(0.9, 0.1, 5, None, 0.95))
    assert quality(whole) > quality(lucky)
    assert best_feasible([lucky, whole]) is whole
    assert best_feasible([lucky]) is None
    result = SearchResult((lucky, whole, dataclasses.replace(whole, score=lucky.score)))
    assert result.ranked == (whole,)
    assert result.require() is whole


def test_there_may_be_no_best() -> None:
    assert best_feasible([]) is None
    assert SearchResult((judgement((1, 1, 1), flops=1.5),)).best is None
    assert SearchResult((judgement((1, 1, 1), flops=1.5),)).ranked == ()


@given(made)
def test_ranked_is_every_feasible_candidate_once_best_first(found: list[tuple[float, float, float]]) -> None:
    archive = tuple(
        judgement((1 + i % 4, 1 + i // 4, 1), accuracy, loss, flops=flops)
        for i, (accuracy, loss, flops) in enumerate(found)
    )
    result = SearchResult(archive + archive)
    assert sorted(map(id, result.ranked)) == sorted(id(judged) for judged in archive if judged.feasible)
    for before, after in zip(result.ranked, result.ranked[1:], strict=False):
        assert quality(before) >= quality(after)
        if quality(before) == quality(after):
            assert archive.index(before) < archive.index(after)
    assert result.best is (result.ranked[0] if result.ranked else None)


def test_without_a_feasible_candidate_the_hardest_budget_is_named() -> None:
    archive = (
        judgement((1, 1, 1), flops=1.2, params=3.0),
        judgement((1, 1, 2), flops=1.3, params=2.0),
        judgement((1, 1, 3), flops=1.1, params=2.5),
    )
    with pytest.raises(InfeasibleError) as caught:
        SearchResult(archive).require()
    error = caught.value
    assert (error.constraint, error.limit, error.smallest, error.unit) == ("params", 100.0, 200.0, "W")
    assert str(error) == (
        "budget 'params' cannot be met: limit 100 W, smallest value reached 200 W. None of 3 candidates met every "
        "budget: raise this limit, or search.evaluations."
    )


def test_budgets_that_were_only_met_one_at_a_time_name_the_worst_of_the_nearest_candidate() -> None:
    archive = (
        judgement((1, 1, 1), flops=0.9, params=1.6),
        judgement((1, 1, 2), flops=1.2, params=1.1),
        judgement((1, 1, 3), flops=1.9, params=0.8),
    )
    with pytest.raises(InfeasibleError) as caught:
        SearchResult(archive).require()
    error = caught.value
    assert (error.constraint, error.limit, error.smallest) == ("flops", 100.0, 120.0)
    assert error.smallest > error.limit


def test_an_update_may_come_without_multipliers_and_scalars() -> None:
    update = Update(8, 0.5, {"flops": 1.1})
    assert (dict(update.multipliers), dict(update.scalars)) == ({}, {})
    assert update == Update(evaluations=8, reward=0.5, costs={"flops": 1.1}, multipliers={}, scalars={})
