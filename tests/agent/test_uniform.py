import numpy as np
import pytest

from cpruner.agent.uniform import Uniform
from cpruner.cmdp import Problem, UpdateStats
from cpruner.errors import InputError

PROBLEM = Problem(observation_size=3, action_size=2, horizon=2)


def test_plays_the_middle_by_default():
    agent = Uniform().build(PROBLEM, seed=0)
    assert [agent.act(np.zeros(3)).tolist() for _ in range(3)] == [[0.5, 0.5]] * 3


def test_walks_through_its_ratios_episode_by_episode():
    agent = Uniform(ratios=[0.5, 0.2]).build(PROBLEM, seed=0)
    assert [agent.act(np.zeros(3))[0] for _ in range(6)] == [0.5, 0.5, 0.2, 0.2, 0.5, 0.5]
    assert agent.update([]) == UpdateStats()


def test_resumes_in_the_middle():
    agent, resumed = (
        Uniform(ratios=[0.5, 0.2]).build(PROBLEM, seed=0),
        Uniform(ratios=[0.5, 0.2]).build(PROBLEM, seed=0),
    )
    agent.act(np.zeros(3))
    resumed.load_state_dict(agent.state_dict())
    assert [resumed.act(np.zeros(3))[0] for _ in range(3)] == [0.5, 0.2, 0.2]


@pytest.mark.parametrize("ratios", [[], [0.5, 1.1], [-0.1]])
def test_refuses_what_is_no_ratio(ratios):
    with pytest.raises(InputError, match=r"Uniform\.ratios: expected numbers in \[0, 1\]"):
        Uniform(ratios=ratios)
