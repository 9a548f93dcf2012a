import numpy as np

from cpruner.agent.lagrangian import dual_unit, standardise


def test_standardise_by_hand():
    reward_B, divisor = standardise(np.array([1.0, 5.0]))
    assert reward_B.tolist() == [-1.0, 1.0]
    assert divisor == 2.0


def test_standardise_of_a_constant_only_centres():
    reward_B, divisor = standardise(np.array([3.0, 3.0]))
    assert reward_B.tolist() == [0.0, 0.0]
    assert divisor == 1.0


def test_dual_unit_by_hand():
    # the reward deviates by 3, the costs by 0.5 and by nothing
    unit_K = dual_unit(np.array([0.0, 6.0]), np.array([[1.0, 2.0], [2.0, 2.0]]))
    assert unit_K.tolist() == [6.0, 0.0]
    assert dual_unit(np.array([1.0, 1.0]), np.array([[1.0], [2.0]])).tolist() == [0.0]
