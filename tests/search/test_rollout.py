import gymnasium
import numpy as np
import pytest
from tiny_task import SOFT, Scripted, env, flops, params

from cpruner.agent import Random, Uniform
from cpruner.env import PruningProblem
from cpruner.search.rollout import decide, episode_seed, play
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


class Off(Scripted):
    """An agent with a replay."""

    learns_executed = True


@pytest.mark.parametrize("whole", [True, False])
def test_an_agent_that_learns_what_was_executed_gets_it_and_others_what_they_chose(whole):
    posed = env(problem=PruningProblem(feasibility="clipped"))
    for agent in (Scripted([2.0, 1.0, 1.0]), Off([2.0, 1.0, 1.0])):
        found = play(posed, agent) if whole else decide(posed, agent).finish()
        if agent.__class__ is Scripted:
            assert found.action_TA.tolist() == [[2.0], [1.0], [1.0]]
            continue
        width = tuple(round(r * size) for r, size in zip(found.action_TA[:, 0], (4, 6, 8), strict=True))
        assert flops(*width) <= 7568
        assert params(*width) <= 324
        np.testing.assert_array_equal(found.observation_TO[1:, 12], found.action_TA[:-1, 0])  # as it was seen


def test_an_agent_in_an_environment_that_tells_of_no_execution_gets_what_it_chose():
    assert play(Counter(), Off([0.5, 2.0])).action_TA[:, 0].tolist() == [0.5, 2.0, 0.5]


def test_budgets_drawn_by_a_seed_are_those_of_the_episode_whatever_was_played_before():
    posed = env(problem=PruningProblem(tightest=0.5))
    first = [decide(posed, Scripted([0.5]), seed=episode_seed(3, number)) for number in range(4)]
    again = decide(posed, Scripted([0.5]), seed=episode_seed(3, 2))
    shares = [decided.env.share for decided in first]
    assert len(set(shares)) == 4
    assert again.env.share == shares[2]
    assert posed.share == 1.0  # decided on copies
    one, two = first[2].finish(), again.finish()
    for name in ("observation_TO", "action_TA", "reward_T", "cost_TK"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))


def test_seeds_of_episodes_differ_by_search_and_number():
    seeds = {episode_seed(seed, number) for seed in range(20) for number in range(200)}
    assert len(seeds) == 4000
    assert all(0 <= seed < 2**32 for seed in seeds)
    assert episode_seed(0, 0) == 4177867667


def test_an_episode_can_be_played_for_a_chosen_share_of_the_limits():
    posed = env(problem=PruningProblem(tightest=0.5))
    whole, half = (play(posed, Scripted([0.5]), options={"share": share}) for share in (1.0, 0.5))
    np.testing.assert_allclose(half.total_cost_K, 2 * whole.total_cost_K)
