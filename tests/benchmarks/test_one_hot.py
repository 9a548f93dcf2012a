import numpy as np
from measure.one_hot import OneHot

from cpruner.testing import TabularCMDP


def test_every_pair_of_step_and_state_is_one_number():
    env = TabularCMDP(2, 2, 3, seed=0)
    posed = OneHot(env, 0)
    assert posed.problem.observation_size == 6
    seen_NO = posed.reset(50)
    assert seen_NO.sum(axis=1).tolist() == [1.0] * 50
    assert set(seen_NO.argmax(axis=1)) == {0, 1}
    assert set(posed.step(np.zeros((50, 1)))[0].argmax(axis=1)) == {2, 3}


def test_rewards_and_costs_are_those_of_the_problem():
    env = TabularCMDP(2, 2, 3, constraints=2, seed=0)
    posed, plain = OneHot(env, 5), env.many(5)
    posed.reset(20)
    plain.reset(20)
    for step in range(3):
        ours, theirs = posed.step(np.ones((20, 1))), plain.step(np.ones((20, 1)))
        assert np.array_equal(ours[1], theirs[1])
        assert np.array_equal(ours[2], theirs[2])
        assert ours[3] == theirs[3] == (step == 2)
