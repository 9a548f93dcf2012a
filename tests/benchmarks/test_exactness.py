import dataclasses
import json

import numpy as np
import pytest
import torch
from exactness import (
    ALGORITHMS,
    COMMON,
    DETECTED,
    KINDS,
    TOLERANCE,
    UPDATES,
    Course,
    cell,
    course,
    facts,
    fine,
    markdown,
    missed,
    pose,
    table_of,
    true_multipliers,
    unmet,
)
from measure.one_hot import OneHot
from measure.record import RESULTS

from cpruner.agent import Categorical, Perceptron
from cpruner.agent.policy import Policy
from cpruner.cmdp import UpdateStats
from cpruner.testing import TabularCMDP

PRESENT = {name: repr(update) for name, update in ALGORITHMS.items()}


def stats(multipliers, violation, **scalars):
    return UpdateStats(tuple(multipliers), {"violation/cost0": violation, **scalars})


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
    assert set(KINDS) == set(UPDATES) == {"one", "two", "inactive", "infeasible"}


def test_what_an_agent_says_of_limits():
    met = [stats([0.1], -0.1, **{"saturated/cost0": 0.0})] * 2
    climbing = [stats([0.1], 0.1, **{"saturated/cost0": 0.0})] * 2
    held = [stats([5.0], 0.1, **{"saturated/cost0": 1.0})] * 2
    assert (unmet(met, 2), unmet(climbing, 2), unmet(held, 2)) == (0.0, 0.0, 1.0)
    assert unmet([*held, *climbing], 4) == 0.5
    assert unmet([*climbing, *held], 2) == 1.0
    assert unmet([stats([5.0], -0.1, **{"saturated/cost0": 1.0})], 1) == 0.0
    assert unmet([stats([], 0.1, recovery=1.0)] * 4, 2) == 1.0
    assert unmet([stats([], 0.1, penalty=0.0)] * 4, 2) == 0.0
    assert unmet([stats([], -0.1, penalty=1.0)] * 4, 2) == 0.0
    assert unmet([stats([], 0.1, penalty=1.0, capped=0.0)] * 4, 2) == 0.0
    assert unmet([stats([], 0.1, penalty=1.0, capped=1.0)] * 4, 2) == 1.0


def test_a_multiplier_speaks_of_its_own_limit():
    """Of two limits one is violated, and the multiplier of the other is at its cap."""
    scalars = {"violation/a": 0.1, "violation/b": -0.1, "saturated/a": 0.0, "saturated/b": 1.0}
    assert unmet([UpdateStats((1.0, 5.0), scalars)], 1) == 0.0
    assert unmet([UpdateStats((5.0, 5.0), {**scalars, "saturated/a": 1.0})], 1) == 1.0


def test_fine_is_half_a_step():
    assert fine(ALGORITHMS["clipped"]).lr == ALGORITHMS["clipped"].lr / 2
    assert fine(ALGORITHMS["focops"]).radius == ALGORITHMS["focops"].radius
    assert fine(ALGORITHMS["cup"]).temperature == 2 * ALGORITHMS["cup"].temperature
    assert np.sqrt(fine(ALGORITHMS["trust_region"]).radius / ALGORITHMS["trust_region"].radius) == pytest.approx(0.5)
    assert all(fine(update) != update for update in ALGORITHMS.values())


def bandit(tightness):
    """One state, one step: three actions with rewards 0, 2, 3 and costs 0, 1, 2; multipliers 2, then 1, then 0."""
    env = TabularCMDP(1, 3, 1, seed=0)
    env.reward_SA, env.cost_KSA = np.array([[0.0, 2.0, 3.0]]), np.array([[[0.0, 1.0, 2.0]]])
    env.problem = dataclasses.replace(env.problem, limits=(tightness,))
    return env


@pytest.mark.parametrize(
    ("limit", "low", "high"), [(0.5, 2.0, 2.0), (0.99, 1.0, 2.0), (1.01, 1.0, 2.0), (1.5, 1.0, 1.0), (2.01, 0.0, 1.0)]
)
def test_true_multipliers_jump_where_the_value_has_a_kink(limit, low, high):
    env = bandit(limit)
    low_K, high_K = true_multipliers(env)
    assert (low_K, high_K) == (pytest.approx([low], abs=1e-6), pytest.approx([high], abs=1e-6))
    assert env.problem.limits == (limit,)


def test_true_multipliers_of_two_limits_hold_those_of_the_given_ones():
    for seed in range(3):
        env, _ = pose("two", seed)
        low_K, high_K = true_multipliers(env)
        found_K = env.solve().multiplier_K
        assert (low_K <= found_K).all()
        assert (found_K <= high_K).all()


def test_a_multiplier_within_the_interval_has_no_error():
    env = bandit(0.99)
    for said, error in ((1.5, 0.0), (1.0, 0.0), (2.5, 0.25), (0.5, 0.25)):
        taken = Course(np.full(3, 1.98), np.full((3, 1), 0.99), [stats([said], 0.0)] * 3, 0.0)
        assert facts(taken, env, 0.0)["multiplier"] == pytest.approx(error, abs=1e-6)


def test_facts_by_hand():
    """The last two of six updates: rewards 1 and 2 below the optimum, costs 1.1 and 1.3 limits, lambda 1 too high."""
    env, _ = pose("one", 0)
    best, limit, high_K = env.solve(), env.problem.limits[0], true_multipliers(env)[1]
    reward_U = best.reward - np.array([9.0, 9.0, 9.0, 9.0, 1.0, 2.0])
    cost_UK = limit * np.array([[9.0], [9.0], [9.0], [9.0], [1.1], [1.3]])
    held = stats(high_K + 1.0, 0.2, **{"saturated/cost0": 1.0})
    taken = Course(reward_U, cost_UK, [held] * 6, 3.0)
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
    cheapest = env.priced(np.array(infeasible["multipliers"])).cost_K[0]
    assert infeasible["priced"] == pytest.approx(cheapest / limit - 1.15)


def test_the_table_by_hand():
    good = {"gap": -0.01, "violation": -0.5, "oscillation": 0.01, "unmet": 0.0, "seconds": 1.0}
    bad, lost = {**good, "gap": -0.03, "unmet": 0.96}, {"violation": 0.0, "oscillation": 0.0, "unmet": 0.97}
    rows = [good, good, bad]
    assert missed(bad) == ["gap"]
    assert (cell(rows, "gap"), cell(rows, "unmet"), cell([lost], "gap")) == ("-1.0 (-3.0)", "0.0 (96.0)", "")
    runs = {"one": dict(zip("012", rows, strict=True)), "infeasible": {"0": lost}}
    lines = markdown({"tolerance": TOLERANCE, "device": "abacus", "algorithms": {"cup": {"runs": runs}}}).splitlines()
    assert lines[0] == "| algorithm | problem | gap | violation | oscillation | multiplier | unmet | within |"
    assert lines[2] == "| cup | one | -1.0 (-3.0) | -50.0 (-50.0) | 1.0 (1.0) |  | 0.0 (96.0) | 2 of 3 |"
    assert lines[3] == "| cup | infeasible |  | 0.0 (0.0) | 0.0 (0.0) |  | 97.0 (97.0) | 1 of 1 |"
    assert "1 of 1 infeasible problems (least unmet 97 %) and 1 of 3 others (most 96 %). abacus." in lines[-1]


def test_the_committed_runs_of_unseen_problems_have_the_same_options() -> None:
    seen, unseen = (json.loads((RESULTS / f"exactness{label}.json").read_text("utf-8")) for label in ("", "_unseen"))
    assert {name: kept["update"] for name, kept in unseen["algorithms"].items()} == PRESENT
    assert unseen["identity"] == seen["identity"]
    played = {seed for kept in unseen["algorithms"].values() for rows in kept["runs"].values() for seed in rows}
    assert min(map(int, played)) >= 100  # options were tried on smaller ones


def test_the_committed_runs_tell_infeasible_problems():
    """They are of the present options; all that no policy meets is detected, and with multipliers nothing else."""
    record = json.loads((RESULTS / "exactness.json").read_text(encoding="utf-8"))
    assert {name: kept["update"] for name, kept in record["algorithms"].items()} == PRESENT
    for name, kept in record["algorithms"].items():
        assert set(kept["runs"]) == set(KINDS)
        for kind, rows in kept["runs"].items():
            assert set(rows) == set("01234")
            said = {row["unmet"] >= DETECTED for row in rows.values()}
            assert said == {kind == "infeasible"} or (name == "p3o" and kind != "infeasible")


@pytest.mark.parametrize("name", ["clipped", "constrained"])
def test_a_course_is_repeated_by_its_seed(name):
    env, _ = pose("two", 0)
    first, second = (course(ALGORITHMS[name], env, 0, 2, episodes_per_update=16) for _ in range(2))
    assert first.reward_U.tolist() == second.reward_U.tolist()
    assert first.cost_UK.shape == (2, 2)
    assert [s.scalars for s in first.stats_U] == [s.scalars for s in second.stats_U]
    assert bool(first.stats_U[-1].multipliers) is ALGORITHMS[name].dual
