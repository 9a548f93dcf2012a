import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpruner.errors import InputError
from cpruner.testing.tabular_cmdp import TabularCMDP


def mixture(visit_TSA):
    """The policy that an occupancy measure is of; uniform where a state is never seen."""
    total_TS1 = visit_TSA.sum(axis=2, keepdims=True)
    return np.where(total_TS1 > 1e-9, visit_TSA / np.maximum(total_TS1, 1e-9), 1.0 / visit_TSA.shape[2])


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 2), st.floats(0.1, 0.9))
def test_the_linear_program_is_a_policy_that_earns_what_it_says(seed, constraints, tightness):
    env = TabularCMDP(3, 3, 4, constraints=constraints, tightness=tightness, seed=seed)
    best = env.solve()
    reward, cost_K = env.value(mixture(best.visit_TSA))
    assert reward == pytest.approx(best.reward, abs=1e-6)
    assert cost_K == pytest.approx(best.cost_K, abs=1e-6)
    assert (cost_K <= np.array(env.problem.limits) + 1e-6).all()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_no_policy_that_keeps_the_limits_earns_more(seed, other):
    """And no policy at all has a larger Lagrangian: the multipliers are right, too."""
    env = TabularCMDP(3, 2, 3, constraints=2, seed=seed)
    best, limit_K = env.solve(), np.array(env.problem.limits)
    reward, cost_K = env.value(np.random.default_rng(other).dirichlet(np.full(2, 0.3), size=(3, 3)))
    assert reward - best.multiplier_K @ (cost_K - limit_K) <= best.reward + 1e-6
    assert best.multiplier_K @ (best.cost_K - limit_K) == pytest.approx(0.0, abs=1e-6)


def test_a_problem_by_hand():
    """One state, two actions, one step: half of the time the dear one, if half of the way is allowed."""
    env = TabularCMDP(1, 2, 1, tightness=0.5, seed=0)
    env.reward_SA, env.cost_KSA = np.array([[0.0, 2.0]]), np.array([[[0.0, 1.0]]])
    object.__setattr__(env.problem, "limits", (0.5,))
    best = env.solve()
    assert best.visit_TSA[0, 0].tolist() == pytest.approx([0.5, 0.5])
    assert best.multiplier_K.tolist() == pytest.approx([2.0])
    assert best.reward == pytest.approx(1.0)


def test_limits_that_no_policy_keeps_are_an_error_that_says_so():
    env = TabularCMDP(2, 2, 2, tightness=1.0, seed=0)
    limit = env.problem.limits[0]
    object.__setattr__(env.problem, "limits", (0.9 * limit,))
    with pytest.raises(InputError, match=r"limits that some policy keeps.*got \(.*infeasible.*Raise them"):
        env.solve()
    assert env.priced(np.array([1e4])).cost_K == pytest.approx([limit])


def test_prices_in_the_place_of_limits_by_hand():
    """Action 1 earns 2 more and costs 1 more: it is worth a price below 2."""
    env = TabularCMDP(1, 2, 1, seed=0)
    env.reward_SA, env.cost_KSA = np.array([[0.0, 2.0]]), np.array([[[0.0, 1.0]]])
    cheap, dear = env.priced(np.array([2.5])), env.priced(np.array([1.5]))
    assert (cheap.cost_K.tolist(), dear.cost_K.tolist()) == ([0.0], [1.0])
    assert dear.reward == pytest.approx(0.5)


def test_episodes_alone_and_side_by_side_have_the_values_of_their_policy():
    env = TabularCMDP(3, 3, 4, seed=1)
    policy_TSA = np.random.default_rng(0).dirichlet(np.ones(3), size=(4, 3))
    reward, cost_K = env.value(policy_TSA)
    many, generator, episodes = env.many(0), np.random.default_rng(1), 20000
    seen_NO, earned, paid_K = many.reset(episodes), 0.0, np.zeros(1)
    for t in range(4):
        chance_NA = policy_TSA[t, seen_NO[:, :3].argmax(axis=1)]
        a_N = (generator.random((episodes, 1)) > chance_NA.cumsum(axis=1)).sum(axis=1)
        seen_NO, reward_N, cost_NK, done = many.step(a_N[:, None] / 2)
        earned, paid_K = earned + reward_N.mean(), paid_K + cost_NK.mean(axis=0)
        assert done is (t == 3)
    assert earned == pytest.approx(reward, abs=0.02)
    assert paid_K == pytest.approx(cost_K, abs=0.02)
    env.reset(seed=0)
    totals = []
    for _ in range(1500):
        seen, _ = env.reset()
        total, done = 0.0, False
        while not done:
            t, s = seen[3:].argmax(), seen[:3].argmax()
            seen, reward_t, done, _, info = env.step(np.array([generator.choice(3, p=policy_TSA[t, s]) / 2]))
            total += reward_t
            assert info["cost"].shape == (1,)
        totals.append(total)
    assert np.mean(totals) == pytest.approx(reward, abs=0.06)


def test_observations_are_all_states_at_all_steps():
    env = TabularCMDP(2, 2, 3)
    assert env.observations().tolist()[3] == [0.0, 1.0, 0.0, 1.0, 0.0]
    assert env.observations().shape == (6, env.problem.observation_size)
