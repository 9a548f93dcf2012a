import numpy as np
import pytest
from allocation import PROBLEMS, gap, problems, summary

from cpruner.agent import Random, Uniform
from cpruner.testing import Allocation


def test_the_gap_is_between_rewards_without_noise() -> None:
    env = Allocation(groups=3, noise=0.5, limit=0.5)
    optimum = env.solve()[1]
    tried = [env.reward(np.full(3, ratio)) for ratio in (0.1, 0.2)]
    assert gap(env, optimum, Uniform([0.1, 0.2]), 0, 2) == pytest.approx(1000 * (optimum - max(tried)))


def test_what_does_not_fit_does_not_count() -> None:
    env = Allocation(groups=3, limit=0.5)
    assert gap(env, 1.0, Uniform([1.0]), 0, 3) is None
    assert gap(env, 1.0, Uniform([1.0, 0.5]), 0, 2) == pytest.approx(1000 * (1.0 - env.reward(np.full(3, 0.5))))
    assert gap(env, 1.0, Uniform([1.0, 0.5]), 0, 1) is None


def test_more_episodes_never_leave_a_wider_gap() -> None:
    env = Allocation(groups=4, noise=0.0)
    optimum = env.solve()[1]
    few, many = (gap(env, optimum, Random(), 1, episodes) for episodes in (10, 200))
    assert few is not None
    assert many is not None
    assert 0 < many < few


def test_a_run_without_anything_feasible_is_the_worst() -> None:
    found = summary([4.0, None, 1.0, 2.0, 3.0])
    assert (found["lower_quartile"], found["median"], found["upper_quartile"]) == (2.0, 3.0, 4.0)
    assert (found["mean_of_feasible"], found["none_feasible"], found["runs"]) == (2.5, 1, 5)
    assert summary([None])["median"] is summary([None])["mean_of_feasible"] is None


def test_unseen_problems_are_of_the_same_kinds() -> None:
    assert problems(False) == PROBLEMS
    assert len(PROBLEMS) == 9
    for name, given in problems(True).items():
        assert given == {**PROBLEMS[name], "seed": PROBLEMS[name]["seed"] + 100}
        assert given["seed"] not in {seen["seed"] for seen in PROBLEMS.values()}
