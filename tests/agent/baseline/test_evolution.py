import math

import numpy as np
import pytest
from open_loop import PAIR, episode, missed, sequence

from cpruner.agent.baseline.evolution import CMAES
from cpruner.cmdp import Problem
from cpruner.errors import InputError
from cpruner.search.rollout import play
from cpruner.testing import Allocation, ToyCMDP, check_agent


def generation(agent, reward, cost=lambda actions: 0.0):
    """Play N sequences and update; what was played."""
    played = [sequence(agent, 2) for _ in range(agent.episodes_per_update)]
    agent.update([episode(actions, reward(actions), cost(actions)) for actions in played])
    return played


def test_the_mean_moves_to_the_better_half_weighted_by_rank():
    agent = CMAES(episodes_per_update=4).build(PAIR, seed=0)
    stats = agent.update(
        [
            episode([0.9, 0.9], reward=9.0, cost=1.5),  # third: violates by a half
            episode([0.2, 0.6], reward=2.0, cost=1.0),  # best: feasible
            episode([0.8, 0.9], reward=9.0, cost=3.0),  # fourth
            episode([0.4, 0.1], reward=1.0, cost=0.5),  # second
        ]
    )
    # Hansen 2016, eq. 49 and 53: weights ln(5/2) - ln(i), i = 1, 2, over their sum
    first, second = math.log(2.5), math.log(1.25)
    mean = (first * np.array([0.2, 0.6]) + second * np.array([0.4, 0.1])) / (first + second)
    assert sequence(agent, 2, deterministic=True) == pytest.approx(mean.tolist())
    spread = 0.5 * (np.std([0.9, 0.2, 0.8, 0.4]) + np.std([0.9, 0.6, 0.9, 0.1]))
    assert stats.scalars == pytest.approx({"feasible": 0.5, "std": spread})
    assert stats.multipliers == ()


def test_only_the_order_of_rewards_counts():
    agents = [CMAES().build(PAIR, seed=5) for _ in range(2)]
    for _ in range(4):
        one = generation(agents[0], lambda actions: actions[0] - actions[1] ** 2)
        other = generation(agents[1], lambda actions: math.exp(7.0 * (actions[0] - actions[1] ** 2)))
        assert one == other


def test_the_population_is_the_usual_one_unless_given():
    assert CMAES().build(PAIR, seed=0).episodes_per_update == 4 + math.floor(3 * math.log(2))
    wide = Problem(observation_size=1, action_size=3, horizon=20)
    assert CMAES().build(wide, seed=0).episodes_per_update == 4 + math.floor(3 * math.log(60))
    assert CMAES(episodes_per_update=7).build(wide, seed=0).episodes_per_update == 7


def test_first_draws_have_mean_and_std_and_are_legal():
    problem = Problem(observation_size=1, action_size=2, horizon=20)
    agent, draws = CMAES(initial_mean=0.6, initial_std=0.1).build(problem, seed=0), []
    for _ in range(50):
        agent.begin()
        draws += [agent.act(np.zeros(1)) for _ in range(20)]
    assert np.shape(draws) == (1000, 2)
    assert np.mean(draws, axis=0) == pytest.approx([0.6, 0.6], abs=0.015)
    assert np.std(draws, axis=0) == pytest.approx([0.1, 0.1], abs=0.01)
    wild = CMAES(initial_std=5.0).build(problem, seed=0)
    draws = np.array([sequence(wild, 20) for _ in range(20)])
    assert (draws.min(), draws.max()) == (0.0, 1.0)
    assert sequence(wild, 3, deterministic=True) == pytest.approx([0.7] * 3)


def test_an_episode_that_was_broken_off_counts_as_a_draw():
    agent, other = CMAES().build(PAIR, seed=1), CMAES().build(PAIR, seed=1)
    first, second = sequence(agent, 2), sequence(agent, 2)
    assert sequence(other, 1) == first[:1]
    assert sequence(other, 2) == second != first


@pytest.mark.parametrize("drawn", [0, 3])
def test_resumes_anywhere_in_a_generation(drawn):
    def reward(actions):
        return actions[0] - actions[1] ** 2

    agent, resumed = CMAES().build(PAIR, seed=1), CMAES().build(PAIR, seed=2)
    for _ in range(6):
        generation(agent, reward)
    for _ in range(drawn):
        sequence(agent, 2)
    resumed.load_state_dict(agent.state_dict())
    for _ in range(3):
        assert generation(agent, reward) == generation(resumed, reward)


def test_nothing_of_numpys_global_generator_is_used():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - that one must be left alone
    generation(CMAES().build(PAIR, seed=0), sum)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_an_update_takes_a_whole_generation():
    agent = CMAES(episodes_per_update=4).build(PAIR, seed=0)
    with pytest.raises(InputError, match="episodes of an update: expected 4, got 3"):
        agent.update([episode([0.1, 0.2])] * 3)
    with pytest.raises(InputError, match="expected 2 steps, got 3"):
        agent.update([episode([0.1, 0.2, 0.3])] * 4)


@pytest.mark.parametrize("options", [{"episodes_per_update": 3}, {"initial_std": 0.0}, {"initial_mean": 1.1}])
def test_refuses_what_the_method_cannot_do(options):
    with pytest.raises(InputError, match=rf"CMAES\.{next(iter(options))}"):
        CMAES(**options)


@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_a_good_feasible_sequence_is_found_in_200_episodes(toy):
    assert max(missed(CMAES(), toy(), 200, seed) for seed in range(5)) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("toy", [ToyCMDP.one, ToyCMDP.two])
def test_the_mean_converges_to_the_optimum(toy):
    env = toy()
    for seed in range(5):
        agent = CMAES().build(env.problem, seed)
        for _ in range(200):
            agent.update([play(env, agent) for _ in range(agent.episodes_per_update)])
        assert play(env, agent, deterministic=True).action_TA[:, 0] == pytest.approx(env.solve().action_T, abs=0.02)


@pytest.mark.parametrize(
    "env", [ToyCMDP.unconstrained(), ToyCMDP.two(), Allocation(groups=3)], ids=["K0", "K2", "noisy"]
)
def test_keeps_the_contract(env):
    check_agent(CMAES(), env, env.problem)
