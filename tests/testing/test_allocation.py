import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from cpruner.testing import Allocation


def test_dense_costs_the_inverse_of_the_limit_and_nothing_is_free():
    env = Allocation(groups=5, limit=0.4)
    assert env.cost(np.ones(5)) == pytest.approx(2.5)
    assert env.cost(np.zeros(5)) == 0.0
    assert env.reward(np.ones(5)) == pytest.approx(1.0 - (env.sensitivity_T * np.exp(-env.rate_T)).sum())
    assert env.reward(np.ones(5)) > env.reward(np.full(5, 0.5)) > env.reward(np.full(5, 0.1))


def test_cost_couples_neighbours():
    env = Allocation(groups=3, limit=1.0)
    assert env.cost(np.array([0.5, 0.2, 1.0])) == pytest.approx(env.weight_T @ [0.5, 0.1, 0.2])


def test_without_coupling_every_group_costs_by_itself():
    env = Allocation(groups=3, limit=0.5, coupled=False)
    assert env.cost(np.array([0.5, 0.2, 1.0])) == pytest.approx(env.weight_T @ [0.5, 0.2, 1.0] / 0.5)
    assert env.cost(np.ones(3)) == Allocation(groups=3, limit=0.5).cost(np.ones(3)) == pytest.approx(2.0)


def test_optimum_is_feasible_and_no_neighbour_is_better():
    env = Allocation(groups=6, seed=2)
    best_T, best = env.solve()
    assert best == pytest.approx(env.reward(best_T))
    assert env.cost(best_T) == pytest.approx(1.0, abs=1e-4)
    generator = np.random.default_rng(0)
    near = np.clip(best_T + 0.05 * generator.standard_normal((500, 6)), 0.0, 1.0)
    rewards = [env.reward(ratio_T) for ratio_T in near if env.cost(ratio_T) <= 1.0]
    assert len(rewards) > 50
    assert max(rewards) <= best + 1e-4


def test_reward_and_cost_come_with_the_last_step():
    env = Allocation(groups=3, noise=0.0)
    ratio_T = np.array([0.5, 0.7, 0.9])
    env.reset(seed=0)
    steps = [env.step(np.array([ratio])) for ratio in ratio_T]
    assert [step[1] for step in steps] == pytest.approx([0.0, 0.0, env.reward(ratio_T)])
    assert [step[4]["cost"][0] for step in steps] == pytest.approx([0.0, 0.0, env.cost(ratio_T)])
    assert [step[2] for step in steps] == [False, False, True]


def test_noise_is_drawn_from_the_seed_of_reset():
    env = Allocation(groups=1, noise=0.1)

    def reward(seed):
        env.reset(seed=seed)
        return env.step(np.array([0.5]))[1]

    assert reward(1) == reward(1)
    assert reward(1) != reward(2)


def test_gymnasium_accepts_it():
    check_env(Allocation(groups=3), skip_render_check=True)
