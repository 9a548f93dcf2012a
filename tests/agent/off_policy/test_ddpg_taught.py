"""A head start for DDPG: imitation, then acting by itself from the first episode on."""

import numpy as np
import pytest

from cpruner.agent import DQN, OnPolicy
from cpruner.agent.off_policy import DDPG
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import ToyCMDP

SMALL = {"warmup": 1, "gradient_steps": 2, "batch": 8, "hidden": [8]}


def taught(actions, **options):
    """An agent that has imitated one episode of the toy."""
    env = ToyCMDP.one()
    agent = DDPG(**SMALL | options).build(env.problem, seed=0)
    steps = iter(actions)
    shown = play(env, Fixed(lambda: np.array([next(steps)])))
    left = agent.imitate([shown], 400, 0.01)
    return env, agent, left


class Fixed:
    """Does what it is told."""

    def __init__(self, tell):
        self.tell = tell

    def begin(self):
        pass

    def act(self, observation, *, deterministic=False):
        return self.tell()


def test_what_is_imitated_is_done_and_from_the_first_episode_on():
    wanted = np.linspace(0.2, 0.9, ToyCMDP.one().problem.horizon)
    env, agent, left = taught(wanted, warmup=5, initial_std=0.1)
    assert left < 1e-4
    np.testing.assert_allclose(play(env, agent, deterministic=True).action_TA[:, 0], wanted, atol=0.03)
    agent.restart(0.5)
    assert agent.std == pytest.approx(0.05)
    drawn = np.stack([play(env, agent).action_TA[:, 0] for _ in range(40)])
    np.testing.assert_allclose(drawn.mean(axis=0), wanted, atol=0.04)
    assert np.abs(drawn - wanted).max() < 0.3  # not uniformly random, as the warm-up of an untaught one


def test_after_a_restart_nothing_that_was_played_is_left():
    env, agent, _ = taught([0.5] * ToyCMDP.one().problem.horizon)
    fresh = agent.state_dict()["memory"]
    agent.update([play(env, agent) for _ in range(3)])
    assert agent.state_dict()["memory"]["episodes"] == 3
    agent.restart(0.5)
    after = agent.state_dict()["memory"]
    assert after["episodes"] == fresh["episodes"] == 0
    assert len(after["replay"]["done_B"]) == 0
    assert after["prices"]["began"] is False
    assert str(after["normaliser"]) == str(fresh["normaliser"])  # observations keep their scale


def test_a_taught_agent_goes_on_from_its_state():
    env, agent, _ = taught([0.3] * ToyCMDP.one().problem.horizon)
    agent.restart(0.25)
    twin = DDPG(**SMALL).build(env.problem, seed=7)
    twin.load_state_dict(agent.state_dict())
    assert twin.std == agent.std
    np.testing.assert_array_equal(play(env, twin).action_TA, play(env, agent).action_TA)


def test_many_actions_at_once_are_those_of_single_episodes():
    env, agent, _ = taught([0.3] * ToyCMDP.one().problem.horizon)
    seen = np.stack([env.reset()[0] for _ in range(3)])
    together = agent.act_all(seen, deterministic=True)
    assert together.shape == (3, 1)
    np.testing.assert_allclose(together, [agent.act(row, deterministic=True) for row in seen])
    assert np.ptp(agent.act_all(seen)) > 0  # noise of its own for each


def test_the_networks_of_an_agent_that_learned_elsewhere_are_taken_over():
    env, teacher, _ = taught([0.3] * ToyCMDP.one().problem.horizon)
    teacher.update([play(env, teacher) for _ in range(3)])
    agent = DDPG(**SMALL).build(env.problem, seed=7)
    agent.adopt(teacher.state_dict())
    agent.restart(0.5)
    ours, theirs = (play(env, one, deterministic=True).action_TA for one in (agent, teacher))
    np.testing.assert_array_equal(ours, theirs)
    assert agent.state_dict()["memory"]["episodes"] == 0
    before = str(teacher.state_dict()["networks"])
    agent.update([play(env, agent) for _ in range(3)])
    assert str(teacher.state_dict()["networks"]) == before
    assert str(agent.state_dict()["networks"]) != before


@pytest.mark.parametrize("other", [DDPG(hidden=[9]), DQN(hidden=[8]), OnPolicy()])
def test_what_does_not_fit_is_refused_and_changes_nothing(other):
    problem = ToyCMDP.one().problem
    agent = DDPG(**SMALL).build(problem, seed=0)
    before = str(agent.state_dict())
    with pytest.raises(InputError, match="to begin with: expected weights of shapes"):
        agent.adopt(other.build(problem, seed=0).state_dict())
    assert str(agent.state_dict()) == before
