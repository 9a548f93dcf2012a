import numpy as np
import pytest
from open_loop import episode, missed, sequence

from cpruner.agent import CrossEntropy
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import Allocation, ToyCMDP, check_agent

PROBLEM = Problem(observation_size=1, action_size=1, horizon=2, constraints=("flops",), limits=(2.0,))


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
    assert sequence(agent, 2, deterministic=True) == pytest.approx([0.45, 0.5])
    assert agent.state_dict()["std"].flatten().tolist() == pytest.approx([0.15, 0.1])
    assert stats.scalars == pytest.approx({"feasible": 0.5, "std": 0.125})
    assert stats.multipliers == ()


def test_std_stops_at_the_floor():
    agent = CrossEntropy(smoothing=1.0, std_floor=0.03).build(PROBLEM, seed=0)
    agent.update([episode([0.5, 0.5], 1.0, 1.0)] * 4)
    assert agent.state_dict()["std"].flatten().tolist() == [0.03, 0.03]


def test_draws_are_legal_actions():
    agent = CrossEntropy(initial_std=5.0).build(PROBLEM, seed=0)
    draws = np.array([sequence(agent, 2) for _ in range(25)])
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


@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_a_good_feasible_sequence_is_found_in_200_episodes(toy):
    assert max(missed(CrossEntropy(), toy(), 200, seed) for seed in range(5)) < 0.06


@pytest.mark.parametrize(
    "env", [ToyCMDP.unconstrained(), ToyCMDP.two(), Allocation(groups=3)], ids=["K0", "K2", "noisy"]
)
def test_keeps_the_contract(env):
    check_agent(CrossEntropy(episodes_per_update=4), env, env.problem)
