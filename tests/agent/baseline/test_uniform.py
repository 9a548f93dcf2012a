import pytest
from open_loop import PAIR, sequence

from cpruner.agent import Uniform
from cpruner.cmdp import Problem, UpdateStats
from cpruner.errors import InputError
from cpruner.testing import Allocation, ToyCMDP, check_agent


def test_plays_the_middle_by_default_in_every_component():
    agent = Uniform().build(Problem(observation_size=3, action_size=2, horizon=2), seed=0)
    agent.begin()
    assert [agent.act(None).tolist() for _ in range(3)] == [[0.5, 0.5]] * 3


def test_walks_through_its_ratios_episode_by_episode():
    agent = Uniform(ratios=[0.5, 0.2]).build(PAIR, seed=0)
    assert [sequence(agent, 2) for _ in range(3)] == [[0.5, 0.5], [0.2, 0.2], [0.5, 0.5]]
    assert agent.update([]) == UpdateStats()


def test_episodes_may_have_any_length():
    agent = Uniform(ratios=[0.5, 0.2]).build(PAIR, seed=0)
    assert [sequence(agent, steps) for steps in (1, 3, 1)] == [[0.5], [0.2] * 3, [0.5]]


def test_resumes_with_the_next_ratio():
    agent, resumed = (Uniform(ratios=[0.5, 0.2, 0.1]).build(PAIR, seed=0) for _ in range(2))
    sequence(agent, 2)
    resumed.load_state_dict(agent.state_dict())
    assert [sequence(resumed, 1)[0] for _ in range(3)] == [0.2, 0.1, 0.5]


@pytest.mark.parametrize("ratios", [[], [0.5, 1.1], [-0.1]])
def test_refuses_what_is_no_ratio(ratios):
    with pytest.raises(InputError, match=r"Uniform\.ratios: expected numbers in \[0, 1\]"):
        Uniform(ratios=ratios)


@pytest.mark.parametrize(
    "env", [ToyCMDP.unconstrained(), ToyCMDP.two(), Allocation(groups=3)], ids=["K0", "K2", "noisy"]
)
def test_keeps_the_contract(env):
    check_agent(Uniform(ratios=[0.5, 0.2, 0.9]), env, env.problem)
