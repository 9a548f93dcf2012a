import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.report import History, search_warnings
from cpruner.report.warning import PATIENCE, WINDOW


def kinds(*args, **options):
    return [warning.kind for warning in search_warnings(*args, **options)]


def lively(accuracy, cost=0.9, seed=0, groups=3, **parts):
    """A history in which no candidate comes twice."""
    ratio_GE = np.random.default_rng(seed).random((groups, len(accuracy)))
    ratios = {f"g{g}": tuple(row) for g, row in enumerate(ratio_GE.tolist())}
    costs = tuple(cost) if isinstance(cost, list) else (cost,) * len(accuracy)
    return History(tuple(accuracy), {"flops": costs}, ratios=ratios, **parts)


def noisy(count, level=0.5, slope=0.0, seed=0):
    draws = np.random.default_rng(seed).normal(scale=0.05, size=count)
    return (level + slope * np.arange(count) / count + draws).tolist()


LEARNING = lively(noisy(100, slope=0.4))


def test_a_search_that_learns_raises_nothing():
    for done in range(101):
        history = lively(LEARNING.accuracy[:done])
        assert search_warnings(history, 100) == ()
    assert search_warnings(LEARNING, 100, reference=lively(noisy(100, seed=1))) == ()


def test_an_empty_history_raises_nothing():
    assert search_warnings(History(), 100) == ()
    assert search_warnings(History(), 100, reference=History()) == ()


def saturated(at_cap, excess, cost=1.2):
    scalars = {"saturated/flops": tuple(at_cap), "violation/flops": tuple(excess)}
    return lively(noisy(10), cost, scalars=scalars)


HELD, OVER = [1.0] * PATIENCE, [0.2] * PATIENCE


def test_a_multiplier_at_its_cap_while_the_budget_is_exceeded():
    (warning,) = search_warnings(saturated([0.0, *HELD], [-1.0, *OVER]), 100)
    assert warning.kind == "saturated/flops"
    assert "may be out of reach: raise its limit, or the cap (agent.multiplier.cap)" in warning.text


def test_where_some_candidates_meet_the_budgets_the_cap_is_to_be_raised():
    (warning,) = search_warnings(saturated(HELD, OVER, cost=[1.2] * 9 + [1.0]), 100)
    assert "out of reach" not in warning.text
    assert "some candidates do meet every budget" in warning.text


@pytest.mark.parametrize(
    ("at_cap", "excess"),
    [
        (HELD[1:], OVER[1:]),
        ([*HELD[1:], 0.0], OVER),
        (HELD, [*OVER[1:], 0.0]),
        (HELD, [-0.1, *OVER[1:]]),
        ([math.nan, *HELD[1:]], OVER),
        (HELD, [*OVER[1:], math.nan]),
        ([], []),
    ],
)
def test_less_than_that_is_no_saturation(at_cap, excess):
    assert kinds(saturated(at_cap, excess), 100) == []


def test_half_a_search_without_one_feasible_candidate():
    hopeless = lively(noisy(50), cost=[1.5] * 49 + [1.25])
    (warning,) = search_warnings(hopeless, 100)
    assert warning.kind == "infeasible"
    assert "None of 50 candidates has met every budget; the nearest exceeds 'flops' by 25.0 %" in warning.text
    assert kinds(hopeless, 101) == []
    assert kinds(hopeless, 101, start=1) == ["infeasible"]
    assert kinds(lively(noisy(50), cost=[1.5] * 49 + [1.0]), 100) == []


def test_the_nearest_candidate_exceeds_its_worst_budget():
    costs = {"flops": (0.5, 1.4) * 15, "params": (1.5, 1.3) * 15}
    (warning,) = search_warnings(History((0.5,) * 30, costs), 30)
    assert "the nearest exceeds 'flops' by 40.0 %" in warning.text


def rising(count):
    return [0.5 + 0.001 * number for number in range(count)]


def repeating(count, fresh, kinds=1):
    """``fresh`` different candidates, then the last ``kinds`` of them over and over."""
    ratio_E = np.linspace(0.1, 1.0, fresh).tolist()
    while len(ratio_E) < count:
        ratio_E.append(ratio_E[-kinds])
    return History(tuple(rising(count)), {"flops": (0.9,) * count}, ratios={"a": tuple(ratio_E)})


def test_the_same_candidate_again_and_again():
    (warning,) = search_warnings(repeating(60, 41), 200)
    assert warning.kind == "collapsed"
    assert f"1 of the last {WINDOW} candidates differ, and keep ratios vary by 0.0000" in warning.text
    assert "with 140 evaluations left" in warning.text


@pytest.mark.parametrize(("different", "found"), [(2, ["collapsed"]), (3, ["collapsed"]), (4, []), (20, [])])
def test_a_policy_that_plays_few_candidates_stands_still(different, found):
    assert kinds(repeating(60, 41, different), 200) == found


def test_a_policy_may_stand_still_at_the_end():
    assert kinds(repeating(100, 77), 100) == []
    assert kinds(repeating(100, 60), 100) == ["collapsed"]
    assert kinds(repeating(39, 2), 200) == []  # too early to say


def test_ratios_that_hardly_vary_are_a_standstill_though_no_candidate_repeats():
    def wobbling(size):
        ratio_E = [0.5 + size * math.sin(number) for number in range(60)]
        return History(tuple(rising(60)), {"flops": (0.9,) * 60}, ratios={"a": tuple(ratio_E)})

    (warning,) = search_warnings(wobbling(0.001), 200)
    assert warning.kind == "collapsed"
    assert "20 of the last 20 candidates differ, and keep ratios vary by 0.0007" in warning.text
    assert kinds(wobbling(0.01), 200) == []


def test_no_better_than_its_own_beginning():
    flat = lively([0.4, 0.6] * 30)
    (warning,) = search_warnings(flat, 100)
    assert warning.kind == "no better"
    assert "best within budgets 60.00 % and average 50.00 % in evaluations 31 to 60" in warning.text
    assert "against 60.00 % and 49.33 % in the first 15" in warning.text.replace("\n", " ")
    assert kinds(flat, 200) == []  # not half way yet
    assert kinds(flat, 100, start=10) == []


@pytest.mark.parametrize("late", [0.61, 0.6])
def test_a_better_best_or_a_better_average_is_progress(late):
    early = [0.4, 0.6] * 30
    assert kinds(lively([*early, *[late] * 60]), 200) == []


def test_only_candidates_within_the_budgets_count():
    accuracies = [0.6] * 30 + [0.9] * 30
    assert kinds(lively(accuracies), 60) == []
    assert kinds(lively(accuracies, cost=[0.9] * 30 + [1.1] * 30), 60) == ["no better"]
    assert kinds(lively(accuracies[::-1], cost=[1.1] * 30 + [0.9] * 30), 60) == []  # none at first


def test_no_better_than_random():
    chance = lively(noisy(200, level=0.6), seed=1)
    (warning,) = search_warnings(lively(noisy(100)), 100, reference=chance)
    assert warning.kind == "no better"
    assert "no better than random choices after 100 evaluations each" in warning.text


def test_a_tie_with_random_is_no_gain_and_equal_evaluations_are_compared():
    same = lively(noisy(100))
    assert kinds(same, 100, reference=same) == ["no better"]
    later = lively([*noisy(100), *[0.99] * 100])
    assert kinds(lively(noisy(100, level=0.7)), 100, reference=later) == []


def test_a_better_average_than_random_is_something():
    chance = lively([*noisy(99), 0.9])
    assert kinds(lively(noisy(100, level=0.7)), 100, reference=chance) == []


def test_random_without_a_feasible_candidate_says_nothing():
    assert kinds(LEARNING, 100, reference=lively(noisy(100), cost=1.5)) == []
    assert kinds(lively(noisy(100), cost=1.5), 100, reference=LEARNING) == ["infeasible", "no better"]


@given(
    accuracies=st.lists(st.floats(0.0, 1.0), max_size=70),
    costs=st.lists(st.floats(0.5, 1.5), min_size=70, max_size=70),
    total=st.integers(1, 100),
)
def test_any_history_can_be_read(accuracies, costs, total):
    history = lively(accuracies, cost=costs[: len(accuracies)])
    for reference in (None, LEARNING, History()):
        found = kinds(history, max(total, len(accuracies)), reference=reference)
        assert len(found) == len(set(found))
        assert set(found) <= {"infeasible", "no better"}
