import numpy as np
import pytest

from cpruner.agent import Random
from cpruner.cmdp import Problem, UpdateStats
from cpruner.errors import InputError
from cpruner.testing import Allocation, ToyCMDP, check_agent

PROBLEM = Problem(observation_size=3, action_size=2, horizon=2)


def test_draws_fill_the_interval():
    agent = Random(low=0.4).build(PROBLEM, seed=0)
    draws = np.stack([agent.act(np.zeros(3)) for _ in range(500)])
    assert draws.shape == (500, 2)
    assert 0.4 <= draws.min() < 0.42
    assert 0.98 < draws.max() <= 1.0
    assert draws.mean() == pytest.approx(0.7, abs=0.02)
    assert abs(np.corrcoef(draws.T)[0, 1]) < 0.15


def test_deterministic_is_the_mean_and_draws_nothing():
    agent, other = Random(low=0.4).build(PROBLEM, seed=3), Random(low=0.4).build(PROBLEM, seed=3)
    assert agent.act(np.zeros(3), deterministic=True) == pytest.approx([0.7, 0.7])
    assert agent.update([]) == UpdateStats()
    assert agent.act(np.zeros(3)).tolist() == other.act(np.zeros(3)).tolist()


def test_low_is_a_ratio():
    with pytest.raises(InputError, match=r"Random\.low"):
        Random(low=1.5)


@pytest.mark.parametrize(
    "env", [ToyCMDP.unconstrained(), ToyCMDP.two(), Allocation(groups=3)], ids=["K0", "K2", "noisy"]
)
def test_keeps_the_contract(env):
    check_agent(Random(), env, env.problem)


def test_an_episode_more_or_less_changes_no_draw():
    agent, other = Random().build(PROBLEM, seed=3), Random().build(PROBLEM, seed=3)
    agent.begin()
    assert agent.act(np.zeros(3)).tolist() == other.act(np.zeros(3)).tolist()
