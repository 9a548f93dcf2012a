import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent.baseline.secant import affordable, secant

MOVES = st.lists(st.floats(-1, 1).map(lambda x: round(x, 2)), min_size=3, max_size=3)


def test_one_component_alone_gets_its_difference_quotient():
    slope_KD = np.array([[3.0, 3.0], [1.0, 0.5]])
    found = secant(slope_KD, np.array([-0.2, 0.0]), np.array([-0.5, -0.1]))
    assert found == pytest.approx(np.array([[2.5, 3.0], [0.5, 0.5]]))
    assert slope_KD.tolist() == [[3.0, 3.0], [1.0, 0.5]]


def test_two_components_share_what_was_not_explained():
    # 1 * 0.1 + 1 * 0.2 = 0.3 explained of 0.8: the rest goes to them as 0.5 / 0.05 * (0.1, 0.2)
    assert secant(np.ones((1, 2)), np.array([0.1, 0.2]), np.array([0.8])) == pytest.approx(np.array([[2.0, 3.0]]))


@given(MOVES, st.floats(0.0, 2.0))
def test_what_was_seen_is_explained_afterwards(moves, change):
    moved_D = np.abs(np.array(moves))
    found = secant(np.zeros((1, 3)), moved_D, np.array([change]))
    assert (found >= 0.0).all()
    if moved_D.any():
        assert found @ moved_D == pytest.approx(np.array([change]))
    else:
        assert not found.any()


@given(st.lists(MOVES, min_size=1, max_size=20))
def test_slopes_of_a_linear_cost_only_come_closer(moves):
    true_KD, slope_KD = np.array([[0.5, 1.0, 2.0]]), np.ones((1, 3))
    for moved_D in map(np.array, moves):
        before = np.linalg.norm(slope_KD - true_KD)
        slope_KD = secant(slope_KD, moved_D, true_KD @ moved_D)
        assert np.linalg.norm(slope_KD - true_KD) <= before + 1e-9


def test_no_slope_falls_below_zero():
    assert secant(np.ones((1, 2)), np.array([0.5, 0.0]), np.array([-1.0])).tolist() == [[0.0, 1.0]]


def test_the_tightest_slack_bounds_a_rise():
    assert affordable(np.array([2.0, 1.0]), np.array([1.0, 0.2])) == pytest.approx(0.2)
    assert affordable(np.array([2.0, 1.0]), np.array([1.0, -0.2])) == pytest.approx(-0.2)


def test_a_cost_that_does_not_rise_bounds_nothing():
    assert affordable(np.array([0.0, 4.0]), np.array([-1.0, 1.0])) == pytest.approx(0.25)
    assert affordable(np.array([0.0]), np.array([-1.0])) == np.inf
    assert affordable(np.zeros(0), np.zeros(0)) == np.inf
