import gymnasium
import numpy as np
import pytest
from tiny_task import SOFT, Scripted, env

from cpruner.agent import Random, Uniform
from cpruner.search.rollout import decide, play
from cpruner.testing import Allocation, ToyCMDP


class Counter(gymnasium.Env):
    """Three steps; costs, if any, come with the last; remembers the actions it was given."""

    observation_space = gymnasium.spaces.Box(0.0, 9.0, (1,), np.float64)
    action_space = gymnasium.spaces.Box(0.0, 1.0, (1,), np.float64)

    def __init__(self, cost=None, truncated=False):
        self.cost, self.truncated, self.given, self.seeds = cost, truncated, [], []

    def reset(self, *, seed=None, options=None):
        self.given = []
        self.seeds.append(seed)
        return np.zeros(1), {}

    def step(self, action):
        self.given.append(action)
        t = len(self.given)
        over = t == 3
        info = {"cost": self.cost} if over and self.cost is not None else {}
        return np.array([float(t)]), 10.0 * t, over and not self.truncated, over and self.truncated, info


class Ramp:
    """Acts 0.3, 1.3, 2.3, ... by what it sees."""

    def begin(self):
        pass

    def act(self, observation, *, deterministic=False):
        return observation + (0.0 if deterministic else 0.3)


def test_an_episode_is_recorded_step_by_step():
    env = Counter(cost=[1.0, 2.0])
    episode = play(env, Ramp())
    assert episode.observation_TO.tolist() == [[0.0], [1.0], [2.0]]
    assert episode.action_TA.tolist() == [[0.3], [1.3], [2.3]]
    assert episode.reward_T.tolist() == [10.0, 20.0, 30.0]
    assert episode.cost_TK.tolist() == [[0.0, 0.0], [0.0, 0.0], [1.0, 2.0]]
    assert episode.total_cost_K.tolist() == [1.0, 2.0]
    assert [action.tolist() for action in env.given] == episode.action_TA.tolist()


def test_without_costs_there_are_no_constraints():
    assert play(Counter(), Ramp()).cost_TK.shape == (3, 0)


def test_a_truncated_episode_ends():
    assert len(play(Counter(truncated=True), Ramp()).reward_T) == 3


def test_seed_and_deterministic_are_passed_on():
    env = Counter()
    assert play(env, Ramp(), seed=7, deterministic=True).action_TA[0, 0] == 0.0
    play(env, Ramp())
    assert env.seeds == [7, None]


def test_same_seeds_same_episode():
    env = Allocation(groups=4, noise=0.1)
    episodes = [play(env, Random().build(env.problem, seed=3), seed=5) for _ in range(2)]
    assert episodes[0].action_TA.tolist() == episodes[1].action_TA.tolist()
    assert episodes[0].reward_T.tolist() == episodes[1].reward_T.tolist()


def test_costs_of_every_step_are_kept():
    env = ToyCMDP.two()
    episode = play(env, Uniform().build(env.problem, seed=0))
    assert episode.cost_TK == pytest.approx(0.5 * env.weight_TK)


def test_an_episode_halted_before_its_last_step_is_the_same_episode():
    for problem in ({}, {"problem": SOFT}):
        whole, halted = env(**problem), env(**problem)
        agent, twin = (Random().build(whole.problem, seed=3) for _ in range(2))
        expected = [play(whole, agent) for _ in range(3)]
        decided = [decide(halted, twin) for _ in range(3)]  # one after the other, before any is finished
        assert halted.judge.memo == {}
        for episode, decision in zip(expected, decided, strict=True):
            found = decision.finish()
            for name in ("observation_TO", "action_TA", "reward_T", "cost_TK"):
                np.testing.assert_array_equal(getattr(found, name), getattr(episode, name))
            assert decision.candidate in halted.judge.memo
        assert whole.judge.memo == halted.judge.memo


def test_the_agent_acts_as_often_and_on_the_same_as_when_it_plays():
    agent = Scripted([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    decided = [decide(env(), agent) for _ in range(2)]
    assert agent.steps == 6
    assert [decision.finish().action_TA[:, 0].tolist() for decision in decided] == [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]
