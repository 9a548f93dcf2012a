import numpy as np
import pytest
from diminishing import Array, drawn, reward
from hypothesis import given, settings
from hypothesis import strategies as st

from cpruner.errors import InputError
from cpruner.search.assistant import Assistant, Assisting, Outcomes


def told(ratio_NG: Array, noise: float = 0.0, cost_NK: Array | None = None) -> Outcomes:
    return Outcomes(ratio_NG, reward(ratio_NG, noise), np.zeros((len(ratio_NG), 0)) if cost_NK is None else cost_NK)


def width(ratio_NG: Array) -> Array:
    """A cost that can only be measured: 1 where the keep ratios are 0.5 in the mean."""
    return np.asarray(2.0 * ratio_NG.mean(axis=1, keepdims=True))


@settings(max_examples=10, deadline=None)
@given(st.integers(10, 20), st.integers(1, 8))
def test_distinct_proposals_are_chosen_and_the_same_ones_for_the_same_judgements(judged: int, count: int) -> None:
    seen = told(drawn(judged, 0), 0.1)
    chosen = Assisting(Assistant()).choose(seen, drawn(8, 1), count)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == count
    assert Assisting(Assistant()).choose(seen, drawn(8, 1), count) == chosen


def test_what_is_chosen_is_better_than_what_is_proposed() -> None:
    proposals = drawn(200, 1)
    chosen = Assisting(Assistant()).choose(told(drawn(40, 0), 0.02), proposals, 20)
    assert reward(proposals)[chosen].mean() > np.quantile(reward(proposals), 0.8)


def test_options_are_checked() -> None:
    with pytest.raises(InputError, match=r"Assistant\.proposals: expected a number in \[1, inf\], got 0"):
        Assistant(proposals=0)


def test_what_was_judged_or_chosen_comes_last() -> None:
    seen, assisting = told(drawn(20, 0)), Assisting(Assistant())
    proposals = np.concatenate([seen.ratio_NG[:3], drawn(2, 1), drawn(2, 1)])
    chosen = {tuple(proposals[number]) for number in assisting.choose(seen, proposals, 2)}
    assert chosen == set(map(tuple, drawn(2, 1)))
    known = assisting.choose(seen, seen.ratio_NG[:3], 2)  # where nothing else is left
    assert known == sorted(set(known))


@pytest.mark.parametrize("judged", range(40, 45))
def test_proposals_for_budgets_of_their_own_are_not_compared_with_each_other(judged: int) -> None:
    wide, narrow = 0.8 + 0.2 * drawn(4, 1), 0.2 * drawn(4, 2)
    proposals, seen = np.concatenate([wide, narrow]), told(drawn(judged, 0))
    together, apart = (Assisting(Assistant()).choose(seen, proposals, 2, apart=each) for each in (False, True))
    assert [number // 4 for number in together] == [0, 0]
    assert [number // 4 for number in apart] == [0, 1]
    assert apart == sorted(apart)


def test_what_was_judged_is_chosen_again_where_there_is_nothing_else_for_a_budget() -> None:
    seen = told(drawn(20, 0))
    proposals = np.concatenate([seen.ratio_NG[:2], drawn(2, 1)])
    assert [number // 2 for number in Assisting(Assistant()).choose(seen, proposals, 2, apart=True)] == [0, 1]


def test_what_earlier_searches_judged_counts_as_well() -> None:
    seen, proposals = drawn(60, 0), drawn(40, 1)
    whole = Assisting(Assistant()).choose(told(seen), proposals, 5)
    parts = Assisting(Assistant(), ratio_NG=seen[:30], reward_N=reward(seen[:30]))
    assert parts.choose(told(seen[30:]), proposals, 5) == whole


def test_proposals_that_will_meet_a_measured_budget_are_preferred() -> None:
    seen, proposals = drawn(60, 0), drawn(200, 1)
    cost_M = width(proposals)[:, 0]
    blind, seeing = (
        Assisting(Assistant()).choose(told(seen, 0.01, cost_NK), proposals, 10) for cost_NK in (None, width(seen))
    )
    assert (cost_M[blind] > 1.0).mean() > 0.8  # wide ones have the higher rewards
    assert (cost_M[seeing] <= 1.0).mean() > 0.8
    within = reward(proposals)[cost_M <= 1.0]
    assert reward(proposals)[seeing].mean() > np.quantile(within, 0.8)


def test_where_none_meets_the_measured_budgets_the_smallest_violation_is_preferred() -> None:
    seen, proposals = drawn(60, 0), drawn(200, 1)
    cost_NK = np.concatenate([width(seen) + 2.0, 0.1 * width(seen)], axis=1)  # the second is met by all
    chosen = Assisting(Assistant()).choose(told(seen, 0.01, cost_NK), proposals, 10)
    assert width(proposals)[chosen].mean() < np.quantile(width(proposals), 0.1)


def test_a_measured_cost_is_compared_with_the_share_of_its_limit() -> None:
    seen, proposals = drawn(60, 0), np.repeat(drawn(60, 1), 2, axis=0)
    share_M = np.tile([1.0, 0.6], 60)
    shares = Assisting(Assistant()).choose(told(seen, 0.01, width(seen)), proposals, 2, share_M)
    assert share_M[shares].tolist() == [1.0, 1.0]  # with the whole limit wider ones, with higher rewards, are within
    tight, wide = (
        width(proposals)[
            Assisting(Assistant()).choose(told(seen, 0.01, width(seen)), proposals, 4, np.full(120, share))
        ]
        for share in (0.8, 1.0)
    )
    assert (tight <= 0.85).all()
    assert (wide > 0.85).all()


def test_a_measurement_that_was_disturbed_does_not_blind_it() -> None:
    seen, proposals = drawn(60, 0), drawn(200, 1)
    cost_NK = width(seen)
    cost_NK[:2] = 40.0
    chosen = Assisting(Assistant()).choose(told(seen, 0.01, cost_NK), proposals, 10)
    assert (width(proposals)[chosen, 0] <= 1.05).mean() > 0.8


def test_costs_that_are_mostly_alike_are_not_taken_for_disturbed_ones() -> None:
    seen, proposals = drawn(60, 0), drawn(200, 1)
    step_NK = np.where(width(seen) > 1.4, 1.3, 1.0)  # a few lie on a stair above the limit
    assert 0 < (step_NK > 1.0).sum() < 15
    blind, seeing = (
        width(proposals)[Assisting(Assistant()).choose(told(seen, 0.01, cost_NK), proposals, 4), 0]
        for cost_NK in (None, step_NK - 0.1)
    )
    assert (seeing > 1.45).sum() < (blind > 1.45).sum() == 4


@pytest.mark.parametrize("failing", [20, 60])
def test_costs_that_are_not_finite_are_left_out(failing: int) -> None:
    seen, proposals = drawn(60, 0), drawn(200, 1)
    cost_NK = width(seen)
    cost_NK[:failing] = np.inf
    chosen = width(proposals)[Assisting(Assistant()).choose(told(seen, 0.01, cost_NK), proposals, 10), 0]
    assert bool((chosen <= 1.05).mean() > 0.8) == (failing < 60)  # where none is known nothing is foreseen


def test_few_measurements_foresee_nothing() -> None:
    seen, proposals = drawn(60, 0), drawn(40, 1)
    parts = Assisting(Assistant(), ratio_NG=seen[:55], reward_N=reward(seen[:55]))
    few = told(seen[55:], 0.0, np.full((5, 1), 9.0))
    assert parts.choose(few, proposals, 5) == parts.choose(told(seen[55:]), proposals, 5)


def test_there_is_something_to_choose_with_several_proposals_or_with_moves() -> None:
    chooses = {(p, m): Assistant(proposals=p, moves=m).chooses for p in (1, 2) for m in (0, 1)}
    assert chooses == {(1, 0): False, (1, 1): True, (2, 0): True, (2, 1): True}
    assert not Assisting(Assistant(proposals=1, moves=0)).ready(1000)


def test_it_is_ready_once_enough_was_judged_now_or_earlier() -> None:
    assert [Assisting(Assistant(fewest=4)).ready(judged) for judged in (0, 3, 4)] == [False, False, True]
    told = Assisting(Assistant(fewest=4), ratio_NG=drawn(3, 0), reward_N=reward(drawn(3, 0)))
    assert [told.ready(judged) for judged in (0, 1)] == [False, True]
