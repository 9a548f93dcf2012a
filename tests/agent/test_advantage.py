import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent.advantage import gae, leave_one_out, returns

NUMBERS = st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=1, max_size=8)


def test_returns_by_hand():
    assert returns(np.array([1.0, 2.0, 4.0]), 0.5).tolist() == [1.0 + 0.5 * 4.0, 4.0, 4.0]
    assert returns(np.array([0.0, 0.0, 3.0]), 1.0).tolist() == [3.0, 3.0, 3.0]


def test_returns_of_several_costs_are_columnwise():
    cost_TK = np.array([[1.0, 0.0], [2.0, 5.0]])
    assert returns(cost_TK, 1.0).tolist() == [[3.0, 5.0], [2.0, 5.0]]


def test_gae_by_hand():
    # delta = (1 + 0.9 * 2 - 1, 0 + 0.9 * 4 - 2, 3 - 4) = (1.8, 1.6, -1); A_t = delta_t + 0.45 A_{t+1}
    advantage_T = gae(np.array([1.0, 0.0, 3.0]), np.array([1.0, 2.0, 4.0]), 0.9, 0.5)
    assert advantage_T == pytest.approx([1.8 + 0.45 * (1.6 - 0.45), 1.6 - 0.45, -1.0])


def test_gae_takes_one_trace_decay_per_column():
    reward_TX = np.array([[1.0, 1.0], [1.0, 1.0]])
    advantage_TX = gae(reward_TX, np.zeros((2, 2)), 1.0, np.array([0.0, 1.0]))
    assert advantage_TX.tolist() == [[1.0, 2.0], [1.0, 1.0]]


@given(NUMBERS, st.floats(0, 1))
def test_gae_with_full_trace_is_return_minus_value(pairs, gamma):
    reward_T, value_T = np.array(pairs).T
    assert gae(reward_T, value_T, gamma, 1.0) == pytest.approx(returns(reward_T, gamma) - value_T, abs=1e-9)


@given(NUMBERS, st.floats(0, 1), st.floats(0, 1))
def test_gae_vanishes_for_exact_values(pairs, gamma, lam):
    reward_T = np.array(pairs)[:, 0]
    assert gae(reward_T, returns(reward_T, gamma), gamma, lam) == pytest.approx(np.zeros(len(reward_T)), abs=1e-9)


def test_leave_one_out_by_hand():
    advantage_NT = leave_one_out([np.array([6.0, 3.0]), np.array([2.0, 1.0]), np.array([1.0, 5.0])])
    assert [advantage_T.tolist() for advantage_T in advantage_NT] == [[4.5, 0.0], [-1.5, -3.0], [-3.0, 3.0]]


def test_leave_one_out_counts_finished_episodes_as_zero():
    advantage_NT = leave_one_out([np.array([6.0, 3.0]), np.array([2.0])])
    assert [advantage_T.tolist() for advantage_T in advantage_NT] == [[4.0, 3.0], [-4.0]]


def test_leave_one_out_of_a_single_episode_has_no_baseline():
    assert leave_one_out([np.array([2.0, 1.0])])[0].tolist() == [2.0, 1.0]


def test_leave_one_out_keeps_costs_apart():
    advantage_NTK = leave_one_out([np.array([[1.0, 10.0]]), np.array([[3.0, 40.0]])])
    assert np.concatenate(advantage_NTK).tolist() == [[-2.0, -30.0], [2.0, 30.0]]


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=8), st.floats(-5, 5))
def test_leave_one_out_ignores_a_shift_and_sums_to_zero(totals, shift):
    here = leave_one_out([np.array([total]) for total in totals])
    there = leave_one_out([np.array([total + shift]) for total in totals])
    assert np.concatenate(here) == pytest.approx(np.concatenate(there), abs=1e-9)
    assert np.concatenate(here).sum() == pytest.approx(0.0, abs=1e-9)
