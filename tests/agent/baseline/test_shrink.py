import dataclasses

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from open_loop import PAIR, episode, missed, sequence

from cpruner.agent.baseline.shrink import Shrink
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import Allocation, ToyCMDP, check_agent

FREE = {"lowest": 0.0, "largest_cut": 1.0}


def told(agent, reward, cost, steps=2):
    """Play an episode, tell its reward and costs (numbers or functions of the actions); its actions."""
    actions = sequence(agent, steps)
    reward, cost = (value(np.array(actions)) if callable(value) else value for value in (reward, cost))
    agent.update([episode(actions, reward, cost)])
    return actions


def weighed(actions):
    """J = 2 a_0 + a_1."""
    return np.array([2.0, 1.0]) @ actions


def test_shrinks_as_computed_by_hand():
    agent = Shrink(episodes=6, **FREE).build(PAIR, seed=0)
    # Dense: J = 3 for a limit of 1, so two rounds of 1 each, and 2 J / D = 3 as the first slope of both.
    assert told(agent, 1.0, weighed) == [1.0, 1.0]
    # Round one wants 1.02: each goes down by 0.34, which saves 0.68 or 0.34, so that both are needed.
    assert told(agent, 0.9, weighed) == pytest.approx([0.66, 1.0])
    assert told(agent, 0.98, weighed) == pytest.approx([1.0, 0.66])
    assert told(agent, 0.88, weighed) == pytest.approx([0.66, 0.66])
    # Round two wants 0.98 + 0.02, and the slopes are known to be 2 and 1; component 1 has not that much to give.
    assert told(agent, 0.5, weighed) == pytest.approx([0.16, 0.66])
    assert told(agent, 0.4, weighed) == pytest.approx([0.66, 0.0])
    # 0.38 lost for 1.0 is less than 0.48 lost for 0.66; J = 0.98 is feasible.
    assert sequence(agent, 2, deterministic=True) == pytest.approx([0.16, 0.66])
    assert agent.state_dict()["stage"] == "exchange"
    assert agent.state_dict()["slope"].numpy() == pytest.approx(np.array([[2.0, 1.0]]))


def test_one_that_gives_enough_is_kept_without_another_episode_and_a_little_is_shrunk_off_all():
    agent = Shrink(episodes=1, **FREE).build(PAIR, seed=0)
    assert told(agent, 1.0, 3.0) == [1.0, 1.0]  # one round, which wants 2 + 0.04
    assert told(agent, 0.9, 1.3) == pytest.approx([0.32, 1.0])
    assert told(agent, 0.5, 1.9) == pytest.approx([1.0, 0.32])
    # The first saved 1.7, enough; 0.3 is left, less than a quarter of 2. With slopes 2.5 and 1.1 / 0.68 all shrink
    # alike, by (0.3 + 0.04) / (2.5 * 0.32 + 1.1 / 0.68).
    keep = 1.0 - 0.34 / (0.8 + 1.1 / 0.68)
    assert told(agent, 0.8, 0.95) == pytest.approx([0.32 * keep, keep])
    assert sequence(agent, 2, deterministic=True) == pytest.approx([0.32 * keep, keep])
    assert agent.state_dict()["stage"] == "exchange"


def test_the_first_violated_constraint_is_shrunk_first():
    problem = Problem(observation_size=1, action_size=1, horizon=2, constraints=("a", "b"), limits=(1.0, 1.0))
    agent = Shrink(episodes=1, **FREE).build(problem, seed=0)

    def costs(actions):
        return np.array([2.0 * actions[0], 3.0 * actions[1]])

    assert told(agent, 1.0, costs) == [1.0, 1.0]
    assert told(agent, 0.9, costs) == pytest.approx([1.0 - 1.02 / 2.0, 1.0])  # a: 1 over, first slope 2 * 2 / 2
    assert told(agent, 0.9, costs) == pytest.approx([1.0, 1.0 - 1.02 / 2.0])
    # b: 2 over, and its slopes are 0 and 3 by now; component 0 is not asked for what it cannot give
    assert told(agent, 0.8, costs) == pytest.approx([0.49, 1.0 - 2.04 / 3.0])
    assert agent.state_dict()["stage"] == "exchange"


def test_no_round_takes_more_than_it_may():
    agent = Shrink(episodes=1, lowest=0.4, largest_cut=0.3).build(PAIR, seed=0)
    for wanted in ([1.0, 1.0], [0.7, 1.0], [1.0, 0.7], [0.7, 0.7], [0.49, 0.7], [0.7, 0.49], [0.49, 0.49]):
        assert told(agent, 1.0, lambda actions: 9.0 * weighed(actions)) == pytest.approx(wanted)


def test_when_nothing_is_left_to_lower_it_goes_on_all_the_same():
    agent = Shrink(lowest=0.5).build(PAIR, seed=0)
    played = np.array([told(agent, 1.0, lambda actions: 9.0 + weighed(actions)) for _ in range(150)])
    assert sequence(agent, 2, deterministic=True) == [0.5, 0.5]
    assert len(np.unique(played[-50:], axis=0)) > 20
    assert played.min() == 0.5


def test_costs_that_nothing_lowers_do_not_hold_it_up():
    agent = Shrink(episodes=4).build(PAIR, seed=0)
    played = np.array([told(agent, 1.0, 3.0) for _ in range(30)])
    assert (played[-1] < 0.2).any()


def test_a_dense_network_that_fits_is_only_exchanged():
    agent = Shrink().build(PAIR, seed=0)
    assert told(agent, 1.0, 0.9) == [1.0, 1.0]
    assert agent.state_dict()["stage"] == "exchange"
    assert min(told(agent, 0.5, 0.8)) < 1.0
    assert sequence(agent, 2, deterministic=True) == [1.0, 1.0]


WEIGHTS = st.lists(st.tuples(st.floats(0.1, 2.0), st.floats(0.1, 2.0)), min_size=2, max_size=5)


@example([(2.0, 2.0), (0.5, 0.5)], 0.5, 0)  # one component at 1: which of two can only go down
@given(WEIGHTS, st.floats(0.3, 0.9), st.integers(0, 99))
def test_with_linear_costs_every_exchange_is_feasible_and_what_is_kept_gets_no_worse(weights, part, seed):
    weight_DK = np.array(weights)
    steps, limits = len(weights), tuple((part * weight_DK.sum(axis=0)).tolist())
    problem = Problem(observation_size=1, action_size=1, horizon=steps, constraints=("a", "b"), limits=limits)
    agent, rewards = Shrink(episodes=20).build(problem, seed), []
    for _ in range(80):
        exchanging = agent.state_dict()["stage"] == "exchange"
        actions = np.array(told(agent, lambda a: float(np.sqrt(a).sum()), lambda a: a @ weight_DK, steps))
        assert 0.1 <= actions.min() <= actions.max() <= 1.0
        if exchanging:
            assert (actions @ weight_DK <= np.array(limits) * (1.0 + 1e-9)).all()
            rewards.append(np.sqrt(sequence(agent, steps, deterministic=True)).sum())
    assert len(rewards) > 20
    assert rewards == sorted(rewards)


@pytest.mark.parametrize("groups", [3, 12, 30, 56])
def test_the_limit_is_met_in_about_the_episodes_given(groups):
    env = Allocation(groups, seed=5)
    agent, count = Shrink(episodes=80).build(env.problem, seed=0), 1
    env.reset(seed=0)
    while agent.update([play(env, agent)]).scalars["exchanging"] == 0.0:
        count += 1
    assert count < 1.75 * max(80, groups)


def test_episodes_must_have_the_length_of_the_horizon():
    with pytest.raises(InputError, match="expected 2 steps, got 3"):
        Shrink().build(PAIR, seed=0).update([episode([0.1, 0.2, 0.3])])


@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_a_good_feasible_sequence_is_found_in_200_episodes(toy):
    assert max(missed(Shrink(), toy(), 200, seed) for seed in range(5)) < 0.004


@pytest.mark.slow
@pytest.mark.parametrize("groups", [6, 12, 20])
def test_the_optimum_of_an_allocation_without_noise_is_found(groups):
    env = Allocation(groups, noise=0.0)
    solved = dataclasses.make_dataclass("Solved", ["reward"])(env.solve()[1])
    env.solve = lambda: solved
    assert max(missed(Shrink(), env, 400, seed) for seed in range(5)) < 0.004


@pytest.mark.parametrize("updates", [2, 6, 40])
@pytest.mark.parametrize(
    "env", [ToyCMDP.unconstrained(), ToyCMDP.two(), Allocation(groups=3)], ids=["K0", "K2", "noisy"]
)
def test_keeps_the_contract(env, updates):
    check_agent(Shrink(episodes=30), env, env.problem, updates=updates)
