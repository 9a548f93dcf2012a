import dataclasses

import pytest

from cpruner.agent import PID
from cpruner.agent.off_policy import DDPG, DDPGAgent
from cpruner.cmdp import Problem
from cpruner.errors import InputError

PROBLEM = Problem(3, 2, 4, ("flops",), (1.0,))


def test_it_builds_its_agent():
    agent = DDPG(episodes_per_update=3).build(PROBLEM, seed=0)
    assert isinstance(agent, DDPGAgent)
    assert agent.episodes_per_update == 3


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"hidden": []}, r"DDPG\.hidden: expected positive widths"),
        ({"hidden": [8, 0]}, r"DDPG\.hidden: expected positive widths"),
        ({"tau": 1.5}, r"DDPG\.tau"),
        ({"gamma": -0.1}, r"DDPG\.gamma"),
        ({"credit": "all"}, r"DDPG\.credit: expected one of step, episode"),
        ({"signal_unit": "last"}, r"DDPG\.signal_unit"),
        ({"capacity": 0}, r"DDPG\.capacity"),
        ({"initial_std": -1.0}, r"DDPG\.initial_std"),
    ],
    ids=str,
)
def test_a_mistake_is_named(options, named):
    with pytest.raises(InputError, match=named):
        DDPG(**options)


def test_a_limit_of_zero_needs_unscaled_costs():
    problem = dataclasses.replace(PROBLEM, limits=(0.0,))
    with pytest.raises(InputError, match="Set scale_costs=false"):
        DDPG().build(problem, seed=0)
    assert DDPG(scale_costs=False).build(problem, seed=0).episodes_per_update == 1


def test_the_options_of_amc_are_legal():
    amc = DDPG(
        multiplier=PID(cap=0.0), gamma=1.0, baseline=0.5, warmup=100, initial_std=0.5, std_decay=0.95, std_floor=0.0,
        capacity=100, hidden=[300, 300], actor_lr=1e-4, critic_lr=1e-3, tau=0.01, gradient_steps=4,
    )  # fmt: skip
    assert amc.credit == "episode"
    assert amc.build(PROBLEM, seed=0).std == 0.5
