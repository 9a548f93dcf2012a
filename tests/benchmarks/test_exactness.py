import numpy as np
import pytest
import torch
from exactness import (
    ALGORITHMS,
    COMMON,
    KINDS,
    TOLERANCE,
    Course,
    OneHot,
    course,
    facts,
    missed,
    pose,
    summary,
    table,
    table_of,
    unmet,
)

from cpruner.agent import Categorical, Perceptron
from cpruner.agent.policy import Policy
from cpruner.cmdp import UpdateStats
from cpruner.testing import TabularCMDP


def stats(multipliers, violation, **scalars):
    return UpdateStats(tuple(multipliers), {"violation/cost0": violation, **scalars})


def test_every_pair_of_step_and_state_is_one_number():
    env = TabularCMDP(2, 2, 3, seed=0)
    posed = OneHot(env, 0)
    assert posed.problem.observation_size == 6
    seen_NO = posed.reset(50)
    assert seen_NO.sum(axis=1).tolist() == [1.0] * 50
    assert set(seen_NO.argmax(axis=1)) == {0, 1}
    assert set(posed.step(np.zeros((50, 1)))[0].argmax(axis=1)) == {2, 3}


def test_the_table_is_what_the_policy_does():
    env = TabularCMDP(2, 3, 2, seed=0)
    problem = OneHot(env, 0).problem
    policy = Policy(problem, Perceptron(hidden=[]), COMMON["policy"], torch.Generator().manual_seed(0))
    with torch.no_grad():
        policy.head.body.weight.zero_()
        policy.head.body.weight[0, 1] = np.log(4.0)  # level 0 in state 1 at step 0
        policy.head.bias_L.zero_()
    chance_TSA = table_of(policy, env)
    assert chance_TSA[0, 1] == pytest.approx([4 / 6, 1 / 6, 1 / 6])
    assert chance_TSA[1] == pytest.approx(np.full((2, 3), 1 / 3))
    assert isinstance(COMMON["policy"], Categorical)


def test_kinds_are_what_they_are_called():
    for seed in range(5):
        assert pose("one", seed)[0].solve().multiplier_K[0] > 0.01
        assert pose("two", seed)[0].solve().multiplier_K.max() > 0.01
        assert pose("inactive", seed)[0].solve().multiplier_K == pytest.approx([0.0], abs=1e-6)
        env, least = pose("infeasible", seed)
        cheapest = TabularCMDP(3, 3, 4, tightness=1.0, seed=seed).problem.limits[0]
        assert cheapest / env.problem.limits[0] - 1.0 == pytest.approx(least)
    assert set(KINDS) == {"one", "two", "inactive", "infeasible"}


def test_what_an_agent_says_of_limits():
    met = [stats([0.1 * u], -0.1) for u in range(6)]
    climbing = [stats([0.1 * u], 0.1) for u in range(6)]
    capped = [*climbing, *[stats([5.0], 0.1)] * 3]
    assert (unmet(met, 2), unmet(climbing, 2), unmet(capped, 2)) == (0.0, 0.0, 1.0)
    assert unmet([*capped, stats([4.0], 0.1)], 2) == 0.5
    assert unmet([stats([], 0.1, recovery=1.0)] * 4, 2) == 1.0
    assert unmet([stats([], 0.1, penalty=0.0)] * 4, 2) == 0.0
    assert unmet([stats([], -0.1, penalty=1.0)] * 4, 2) == 0.0


def test_facts_by_hand():
    """The last two of six updates: rewards 1 and 2 below the optimum, costs 1.1 and 1.3 limits, lambda 1 too high."""
    env, _ = pose("one", 0)
    best, limit = env.solve(), env.problem.limits[0]
    reward_U = best.reward - np.array([9.0, 9.0, 9.0, 9.0, 1.0, 2.0])
    cost_UK = limit * np.array([[9.0], [9.0], [9.0], [9.0], [1.1], [1.3]])
    taken = Course(reward_U, cost_UK, [stats(best.multiplier_K + 1.0, 0.2)] * 6, 3.0)
    row = facts(taken, env, 0.0)
    assert row["gap"] == pytest.approx(1.5 / best.reward)
    assert row["violation"] == pytest.approx(0.2)
    assert row["oscillation"] == pytest.approx(0.1)
    assert row["multiplier"] == pytest.approx(1.0 / max(1.0, best.multiplier_K[0]))
    assert (row["unmet"], row["seconds"]) == (1.0, 3.0)
    assert missed(row) == list(TOLERANCE)
    infeasible = facts(taken, env, 0.15)
    assert infeasible["violation"] == pytest.approx(0.05)
    assert "gap" not in infeasible
    assert "multiplier" not in infeasible


def test_summary_and_table():
    good = {"gap": -0.01, "violation": -0.5, "oscillation": 0.01, "unmet": 0.0, "seconds": 1.0}
    bad = {**good, "gap": -0.03, "seconds": 3.0}
    found = summary([good, good, bad])
    assert found["gap"] == {"median": -0.01, "worst": -0.03}
    assert (found["within"], found["runs"]) == (2, 3)
    assert missed(bad) == ["gap"]
    shown = table({"algorithms": {"clipped": {"summary": {"one": found}}}})
    assert shown.row_count == 1


@pytest.mark.parametrize("name", ["clipped", "constrained"])
def test_a_course_is_repeated_by_its_seed(name):
    env, _ = pose("two", 0)
    first, second = (course(ALGORITHMS[name], env, 0, 2) for _ in range(2))
    assert first.reward_U.tolist() == second.reward_U.tolist()
    assert first.cost_UK.shape == (2, 2)
    assert [s.scalars for s in first.stats_U] == [s.scalars for s in second.stats_U]
    assert bool(first.stats_U[-1].multipliers) is ALGORITHMS[name].dual
