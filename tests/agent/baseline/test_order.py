import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent.baseline.order import rank, violation

NUMBERS = st.lists(st.tuples(st.floats(-5, 5), st.sampled_from([0.0, 0.0, 0.1, 2.0])), min_size=1, max_size=8)


def test_rank_puts_feasible_first_then_the_least_violation():
    reward_N = np.array([9.0, 1.0, 2.0, 5.0])
    violation_N = np.array([0.5, 0.0, 0.0, 0.1])
    assert rank(reward_N, violation_N).tolist() == [2, 1, 3, 0]


@given(NUMBERS)
def test_rank_sorts_by_violation_then_by_reward(pairs):
    reward_N, violation_N = np.array(pairs).T
    order_N = rank(reward_N, violation_N)
    assert sorted(order_N) == list(range(len(pairs)))
    keys = [(violation_N[index], -reward_N[index]) for index in order_N]
    assert keys == sorted(keys)


def test_violation_is_in_units_of_each_limit():
    assert violation(np.array([2.5, 1.0, 3.0]), (2.0, 4.0, 1.0)) == pytest.approx(0.25 + 0.0 + 2.0)


def test_a_limit_of_zero_or_less_is_its_own_unit():
    assert violation(np.array([0.25, -1.0]), (0.0, -2.0)) == pytest.approx(0.25 + 1.0)


def test_a_cost_at_its_limit_does_not_violate_it():
    assert violation(np.array([2.0]), (2.0,)) == 0.0
    assert violation(np.array([]), ()) == 0.0
