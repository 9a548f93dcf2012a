import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from cpruner.errors import InputError
from cpruner.testing import ToyCMDP


def test_one_is_solved_as_by_hand():
    # b - a = lambda in every step and the sum of a is 2: lambda = (2.8 - 2) / 4
    solution = ToyCMDP.one().solve()
    assert solution.action_T == pytest.approx([0.7, 0.5, 0.3, 0.5], abs=1e-5)
    assert solution.multiplier_K == pytest.approx([0.2], abs=1e-5)
    assert solution.reward == pytest.approx(
        0.9 * 0.7 + 0.7 * 0.5 * 2 + 0.5 * 0.3 - (0.49 + 0.25 + 0.09 + 0.25) / 2, abs=1e-5
    )


def test_two_meets_the_optimality_conditions():
    env = ToyCMDP.two()
    solution = env.solve()
    gradient_T = env.gain_T - solution.action_T - env.weight_TK @ solution.multiplier_K
    assert gradient_T == pytest.approx(np.zeros(3), abs=1e-5)
    cost_K = solution.action_T @ env.weight_TK
    assert cost_K[0] == pytest.approx(env.limit_K[0], abs=1e-5)
    assert cost_K[1] < 0.9 * env.limit_K[1]
    assert solution.multiplier_K[1] == pytest.approx(0.0, abs=1e-5)


def test_unconstrained_optimum_is_the_gain():
    solution = ToyCMDP.unconstrained().solve()
    assert solution.action_T == pytest.approx([0.8, 0.6, 0.4], abs=1e-5)
    assert solution.multiplier_K.shape == (0,)


@pytest.mark.parametrize("env", [ToyCMDP.unconstrained(), ToyCMDP.one(), ToyCMDP.two()], ids=["K0", "K1", "K2"])
def test_playing_the_optimum_earns_what_the_solver_says(env):
    solution = env.solve()
    observation, _ = env.reset(seed=0)
    total, cost_K = 0.0, np.zeros(len(env.limit_K))
    for t, action in enumerate(solution.action_T):
        assert observation.tolist() == np.eye(len(env.gain_T))[t].tolist()
        observation, reward, terminated, truncated, info = env.step(np.array([action]))
        total += reward
        cost_K += info["cost"]
        assert terminated == (t == len(env.gain_T) - 1)
        assert not truncated
    assert total == pytest.approx(solution.reward, abs=1e-6)
    assert (cost_K <= env.limit_K + 1e-5).all()


def test_actions_are_clipped():
    env = ToyCMDP.one()
    env.reset(seed=0)
    _, reward, _, _, info = env.step(np.array([7.0]))
    assert reward == pytest.approx(0.9 - 0.5)
    assert info["cost"].tolist() == [1.0]


def test_no_action_meets_the_infeasible_one():
    env = ToyCMDP.infeasible()
    env.reset(seed=0)
    costs = [env.step(np.array([0.0]))[4]["cost"] for _ in range(3)]
    assert np.sum(costs, axis=0) == pytest.approx([1.5])
    assert env.problem.limits == (1.0,)
    with pytest.raises(InputError, match=r"ToyCMDP\.limit_K.*infeasible"):
        env.solve()


def test_fixed_costs_leave_less_for_the_actions():
    # of a limit of 2 the four steps cost 1 anyhow: lambda = (2.8 - 1) / 4
    env = ToyCMDP([0.9, 0.7, 0.5, 0.7], [[1.0]] * 4, [2.0], [0.25])
    solution = env.solve()
    assert solution.multiplier_K == pytest.approx([0.45], abs=1e-5)
    assert solution.action_T == pytest.approx([0.45, 0.25, 0.05, 0.25], abs=1e-5)
    env.reset(seed=0)
    assert env.step(np.array([0.45]))[4]["cost"] == pytest.approx([0.7])


def test_gymnasium_accepts_it():
    check_env(ToyCMDP.two(), skip_render_check=True)


def test_limits_and_weights_must_agree():
    with pytest.raises(InputError, match=r"ToyCMDP\.limit_K: expected 1 limits, got 2"):
        ToyCMDP([1.0, 1.0], [[1.0], [1.0]], [1.0, 2.0])
