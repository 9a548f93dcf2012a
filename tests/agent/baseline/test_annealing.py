import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from open_loop import PAIR, episode, missed, sequence

from cpruner.agent.baseline.annealing import Annealing, acceptance
from cpruner.errors import InputError
from cpruner.testing import Allocation, ToyCMDP, check_agent

STILL = {"step": 0.0}  # proposals are the present sequence


def told(agent, actions, reward, cost=0.0):
    """Whether the agent goes on from this sequence."""
    return agent.update([episode(actions, reward, cost)]).scalars["accepted"] == 1.0


def test_acceptance_by_hand():
    assert acceptance(0.0, 0.0) == acceptance(3.0, 0.5) == 1.0
    assert acceptance(-1.0, 0.5) == pytest.approx(math.exp(-2.0))
    assert acceptance(-1e-9, 0.0) == 0.0
    assert acceptance(-1e9, 1e-9) == 0.0


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.01, 5), st.floats(0.01, 5))
def test_acceptance_rises_with_gain_and_with_temperature(gain, other, cold, warm):
    cold, warm = sorted((cold, warm))
    assert 0.0 <= acceptance(gain, cold) <= acceptance(gain, warm) <= 1.0
    assert acceptance(min(gain, other), cold) <= acceptance(max(gain, other), cold)


def test_begins_uniform_and_moves_a_few():
    agent = Annealing(initial_mean=0.6, components=1).build(PAIR, seed=0)
    assert sequence(agent, 2) == [0.6, 0.6]
    assert told(agent, [0.6, 0.6], 1.0)
    moves = np.array([sequence(agent, 2) for _ in range(200)]) - 0.6
    assert ((moves != 0.0).sum(axis=1) == 1).all()
    assert moves[moves != 0.0].std() == pytest.approx(0.25 * math.sqrt(0.985), rel=0.15)


def test_at_temperature_zero_only_what_is_no_worse_is_accepted():
    agent = Annealing(temperature=0.0, penalty=20.0, cooling=1.0, **STILL).build(PAIR, seed=0)
    assert told(agent, [0.5, 0.5], 1.0)
    assert not told(agent, [0.4, 0.4], 0.9)
    assert told(agent, [0.3, 0.3], 1.0)
    assert told(agent, [0.2, 0.2], 1.2)
    assert not told(agent, [0.1, 0.1], 1.3, cost=2.0)  # violates by 1: costs 20 std, gains less than 1
    assert sequence(agent, 2) == [0.2, 0.2]


def test_the_price_of_violation_rises_as_it_cools():
    # Rewards 0, 1: std 0.5, so the gain is 2 std; a violation by 0.1 costs 10 * 0.1 / q_2
    for cooling, accepted in ((1.0, True), (0.8, True), (0.6, False)):
        agent = Annealing(temperature=0.0, penalty=10.0, cooling=cooling).build(PAIR, seed=0)
        assert told(agent, [0.5, 0.5], 0.0)
        assert told(agent, [0.6, 0.6], 1.0, cost=1.1) == accepted  # 1 / 0.8^2 < 2 < 1 / 0.6^2


def test_worse_ones_are_accepted_as_often_as_metropolis_says():
    # Rewards 1, 0: std 0.5, gain -2 std, temperature 4: exp(-1/2)
    accepted = 0
    for seed in range(400):
        agent = Annealing(temperature=4.0, cooling=1.0).build(PAIR, seed)
        told(agent, [0.5, 0.5], 1.0)
        accepted += told(agent, [0.4, 0.4], 0.0)
    assert accepted / 400 == pytest.approx(math.exp(-0.5), abs=0.06)


def test_the_temperature_is_geometric_and_never_ends():
    agent = Annealing(temperature=0.5, cooling=0.9).build(PAIR, seed=0)
    seen = [agent.update([episode([0.5, 0.5])]).scalars["temperature"] for _ in range(3)]
    assert seen == pytest.approx([0.45, 0.405, 0.3645])
    cold = Annealing(temperature=0.5, cooling=0.0).build(PAIR, seed=0)
    assert told(cold, [0.5, 0.5], 1.0)
    assert not told(cold, [0.5, 0.4], 1.0, cost=1.1)


def test_equal_rewards_leave_violation_to_decide():
    agent = Annealing(temperature=0.0, **STILL).build(PAIR, seed=0)
    assert told(agent, [0.9, 0.9], 0.5, cost=2.0)
    assert not told(agent, [1.0, 1.0], 0.5, cost=2.1)
    assert told(agent, [0.8, 0.8], 0.5, cost=1.9)


def test_deterministic_plays_the_best_and_not_the_present():
    agent = Annealing(temperature=1e9, cooling=1.0, penalty=0.0, **STILL).build(PAIR, seed=0)
    assert sequence(agent, 2, deterministic=True) == [0.7, 0.7]
    for actions, reward, cost in (([0.5, 0.5], 1.0, 0.0), ([0.9, 0.9], 9.0, 2.0), ([0.2, 0.2], 0.5, 0.0)):
        assert told(agent, actions, reward, cost)
    assert sequence(agent, 2, deterministic=True) == [0.5, 0.5]
    assert sequence(agent, 2) == [0.2, 0.2]


def test_episodes_must_have_the_length_of_the_horizon():
    with pytest.raises(InputError, match="expected 2 steps, got 3"):
        Annealing().build(PAIR, seed=0).update([episode([0.1, 0.2, 0.3])])


@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_a_good_feasible_sequence_is_found_in_200_episodes(toy):
    assert max(missed(Annealing(), toy(), 200, seed) for seed in range(5)) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_slower_cooling_comes_closer(toy):
    assert max(missed(Annealing(cooling=0.998), toy(), 3000, seed) for seed in range(5)) < 0.005


@pytest.mark.parametrize(
    "env", [ToyCMDP.unconstrained(), ToyCMDP.two(), Allocation(groups=3)], ids=["K0", "K2", "noisy"]
)
def test_keeps_the_contract(env):
    check_agent(Annealing(), env, env.problem, updates=8)
