import numpy as np
import pytest

from cpruner.agent.lagrangian import dual_unit, lagrangian_advantage, standardise_by_reward


def test_lagrangian_advantage_by_hand():
    reward_B = np.array([1.0, -1.0])
    cost_BK = np.array([[2.0, 0.0], [0.0, 4.0]])
    expected_B = [(1.0 - 0.5 * 2.0) / 3.0, (-1.0 - 1.5 * 4.0) / 3.0]
    assert lagrangian_advantage(reward_B, cost_BK, np.array([0.5, 1.5])) == pytest.approx(expected_B)


def test_without_constraints_the_reward_is_left():
    assert lagrangian_advantage(np.array([1.0, 2.0]), np.zeros((2, 0)), np.zeros(0)).tolist() == [1.0, 2.0]


def test_standardise_divides_all_by_the_spread_of_the_reward():
    reward_B, cost_BK = standardise_by_reward(np.array([1.0, 5.0]), np.array([[0.0], [1.0]]))
    assert reward_B.tolist() == [-1.0, 1.0]
    assert cost_BK.tolist() == [[-0.25], [0.25]]


def test_standardise_of_a_constant_reward_only_centres():
    reward_B, cost_BK = standardise_by_reward(np.array([3.0, 3.0]), np.array([[0.0], [1.0]]))
    assert reward_B.tolist() == [0.0, 0.0]
    assert cost_BK.tolist() == [[-0.5], [0.5]]


def test_dual_unit_by_hand():
    # the reward deviates by 3, the costs by 0.5 and by nothing
    unit_K = dual_unit(np.array([0.0, 6.0]), np.array([[1.0, 2.0], [2.0, 2.0]]))
    assert unit_K.tolist() == [6.0, 0.0]
    assert dual_unit(np.array([1.0, 1.0]), np.array([[1.0], [2.0]])).tolist() == [0.0]
