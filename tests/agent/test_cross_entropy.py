import numpy as np
import pytest

from cpruner.agent.cross_entropy import CrossEntropy, rank
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing.toy_cmdp import ToyCMDP

PROBLEM = Problem(observation_size=1, action_size=1, horizon=2, constraints=("flops",), limits=(2.0,))


def episode(actions, reward, cost):
    steps = len(actions)
    return Episode(
        observation_TO=np.zeros((steps, 1)),
        action_TA=np.array(actions)[:, None],
        reward_T=np.array([0.0] * (steps - 1) + [reward]),
        cost_TK=np.array([[0.0]] * (steps - 1) + [[cost]]),
    )


def test_rank_puts_feasible_first_then_the_least_violation():
    reward_N = np.array([9.0, 1.0, 2.0, 5.0])
    violation_N = np.array([0.5, 0.0, 0.0, 0.1])
    assert rank(reward_N, violation_N).tolist() == [2, 1, 3, 0]


def test_update_by_hand():
    spec = CrossEntropy(elite_fraction=0.5, smoothing=0.5, initial_mean=0.6, initial_std=0.2, std_floor=0.08)
    agent = spec.build(PROBLEM, seed=0)
    stats = agent.update(
        [
            episode([0.2, 0.4], reward=1.0, cost=1.0),
            episode([0.4, 0.4], reward=2.0, cost=2.0),
            episode([0.9, 0.9], reward=9.0, cost=3.0),
            episode([0.8, 0.9], reward=8.0, cost=2.5),
        ]
    )
    # elites are the two feasible ones: mean (0.3, 0.4), std (0.1, 0); each mixed half and half
    means = [agent.act(np.zeros(1), deterministic=True)[0] for _ in range(2)]
    assert means == pytest.approx([0.45, 0.5])
    assert agent.state_dict()["std"].flatten().tolist() == pytest.approx([0.15, 0.1])
    assert stats.scalars == pytest.approx({"feasible": 0.5, "std": 0.125})
    assert stats.multipliers == ()


def test_std_stops_at_the_floor():
    agent = CrossEntropy(smoothing=1.0, std_floor=0.03).build(PROBLEM, seed=0)
    agent.update([episode([0.5, 0.5], 1.0, 1.0)] * 4)
    assert agent.state_dict()["std"].flatten().tolist() == [0.03, 0.03]


def test_draws_are_legal_actions():
    agent = CrossEntropy(initial_std=5.0).build(PROBLEM, seed=0)
    draws = np.array([agent.act(np.zeros(1))[0] for _ in range(50)])
    assert set(np.round(draws[(draws <= 0) | (draws >= 1)])) == {0.0, 1.0}
    assert draws.min() >= 0.0
    assert draws.max() <= 1.0


def test_episodes_must_have_the_length_of_the_horizon():
    agent = CrossEntropy().build(PROBLEM, seed=0)
    with pytest.raises(InputError, match="expected 2 steps, got 3"):
        agent.update([episode([0.1, 0.2, 0.3], 1.0, 1.0)])


def test_solves_the_toy():
    env = ToyCMDP.one()
    agent = CrossEntropy(episodes_per_update=40).build(env.problem, seed=0)
    for _ in range(30):
        agent.update([play(env, agent) for _ in range(agent.episodes_per_update)])
    assert play(env, agent, deterministic=True).action_TA[:, 0] == pytest.approx(env.solve().action_T, abs=0.12)
