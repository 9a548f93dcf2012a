import dataclasses

import pytest

from cpruner.agent.off_policy import DQN, DQNAgent
from cpruner.cmdp import Problem
from cpruner.errors import InputError

PROBLEM = Problem(3, 2, 4, ("flops",), (1.0,))


def test_it_builds_its_agent():
    agent = DQN(episodes_per_update=3).build(PROBLEM, seed=0)
    assert isinstance(agent, DQNAgent)
    assert agent.episodes_per_update == 3


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hidden": [0]}, r"DQN\.hidden: expected positive widths"),
        ({"levels": 1}, r"DQN\.levels"),
        ({"lowest": 1.0}, r"DQN\.lowest"),
        ({"credit": "last"}, r"DQN\.credit: expected one of step, episode"),
        ({"initial_epsilon": 1.1}, r"DQN\.initial_epsilon"),
        ({"gradient_steps": 0}, r"DQN\.gradient_steps"),
    ],
    ids=str,
)
def test_a_mistake_is_named(options, named):
    with pytest.raises(InputError, match=named):
        DQN(**options)


def test_without_hidden_layers_values_are_linear():
    agent = DQN(hidden=[], levels=5).build(PROBLEM, seed=0)
    weights = agent.state_dict()["network"]
    # two components, five levels, reward and one cost
    assert [tuple(value.shape) for value in weights.values()] == [(20, 3), (20,)]


def test_a_limit_of_zero_needs_unscaled_costs():
    problem = dataclasses.replace(PROBLEM, limits=(0.0,))
    with pytest.raises(InputError, match="Set scale_costs=false"):
        DQN().build(problem, seed=0)
    assert DQN(scale_costs=False).build(problem, seed=0).episodes_per_update == 1
