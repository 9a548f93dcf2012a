import numpy as np
import pytest

from cpruner.agent import Clipped, Gaussian, OnPolicy, Plan, Random, Recurrent
from cpruner.agent.warm_up import WarmUp, lockstep, warm_up
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import ToyCMDP


class Lockstep:
    """A toy, many times at once."""

    def __init__(self, toy):
        self.toy, self.problem, self.resets = toy, toy.problem, []

    def reset(self, episodes):
        self.resets.append(episodes)
        self.t = 0
        return self.observe(episodes)

    def step(self, action_NA):
        a_N, t = np.clip(action_NA[:, 0], 0.0, 1.0), self.t
        self.t += 1
        reward_N = self.toy.gain_T[t] * a_N - 0.5 * a_N**2
        done = self.t == self.problem.horizon
        return self.observe(len(a_N)), reward_N, a_N[:, None] * self.toy.weight_TK[t], done

    def observe(self, episodes):
        row = np.eye(self.problem.horizon + 1)[self.t, : self.problem.horizon]
        return np.tile(row, (episodes, 1))


def built(**options):
    return OnPolicy(update=Clipped(epochs=15, lr=0.002), **options).build(ToyCMDP.one().problem, seed=0)


def centre(agent, toy):
    return play(toy, agent, deterministic=True).action_TA[:, 0]


@pytest.mark.parametrize("options", [{}, {"encoder": Recurrent()}], ids=str)
def test_solutions_are_imitated(options):
    toy = ToyCMDP.one()
    solution_T = toy.solve().action_T
    agent = built(**options)
    spec = WarmUp(imitation=300, imitation_lr=0.01, updates=0)
    assert warm_up(agent, Lockstep(toy), spec, solution_T[None, :, None]) == []
    assert centre(agent, toy) == pytest.approx(solution_T, abs=0.02)


@pytest.mark.integration
def test_practice_solves_the_problem_without_a_real_episode():
    toy, agent = ToyCMDP.one(), built(policy=Gaussian(initial_std=0.1))
    stats = warm_up(agent, Lockstep(toy), WarmUp(imitation=0, updates=25, episodes=64), np.zeros((0, 4, 1)))
    assert len(stats) == 25
    assert centre(agent, toy) == pytest.approx(toy.solve().action_T, abs=0.06)
    assert np.mean([update.multipliers[0] for update in stats[-5:]]) == pytest.approx(0.2, abs=0.04)


def test_afterwards_nothing_that_was_played_is_left_and_exploration_is_a_share_of_the_first():
    toy, agent = ToyCMDP.one(), built(policy=Gaussian(initial_std=0.3, std_floor=0.01))
    warm_up(agent, Lockstep(toy), WarmUp(imitation=5, updates=2, episodes=4, exploration=0.5), np.full((2, 4, 1), 0.5))
    state = agent.state_dict()
    assert state["memory"] == []
    assert state["dual_unit"].tolist() == [0.0]
    assert float(state["policy"]["head.log_std_A"].exp()) == pytest.approx(0.15)


def test_lockstep_episodes_by_hand():
    toy = Lockstep(ToyCMDP([0.9, 0.5], [[1.0], [2.0]], [1.0]))
    actions = iter([np.array([[0.2], [1.0]]), np.array([[0.4], [3.0]])])
    first, second = lockstep(toy, 2, lambda _: next(actions))
    assert toy.resets == [2]
    assert first.observation_TO.tolist() == second.observation_TO.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert first.action_TA.tolist() == [[0.2], [0.4]]
    assert second.action_TA.tolist() == [[1.0], [3.0]]
    assert first.reward_T == pytest.approx([0.9 * 0.2 - 0.02, 0.5 * 0.4 - 0.08])
    assert second.cost_TK.tolist() == [[1.0], [2.0]]


def test_many_actions_are_those_of_single_episodes():
    """Without noise: the centre does not depend on how many run beside."""
    problem = Problem(3, 1, 4)
    agent = OnPolicy(encoder=Recurrent(width=4)).build(problem, seed=0)
    seen_TNO = np.random.default_rng(0).normal(size=(4, 5, 3))
    agent.begin()
    together = [agent.act_all(seen_NO, deterministic=True) for seen_NO in seen_TNO]
    for number in range(5):
        agent.begin()
        alone = [agent.act(seen_NO[number], deterministic=True) for seen_NO in seen_TNO]
        np.testing.assert_allclose(alone, [action_NA[number] for action_NA in together])


def test_options_are_checked():
    with pytest.raises(InputError, match=r"WarmUp\.episodes: expected a number in \[2, inf\]"):
        WarmUp(episodes=1)


def test_who_can_only_imitate_imitates_and_who_can_do_neither_is_left_alone():
    toy = ToyCMDP.one()
    solution_NTA = np.full((1, 4, 1), 0.3)
    plan, random = Plan().build(toy.problem, 0), Random().build(toy.problem, 0)
    assert warm_up(plan, Lockstep(toy), WarmUp(), solution_NTA) == []
    assert play(toy, plan).action_TA.tolist() == solution_NTA[0].tolist()
    before = random.state_dict()["generator"].tolist()
    assert warm_up(random, Lockstep(toy), WarmUp(), solution_NTA) == []
    assert random.state_dict()["generator"].tolist() == before
