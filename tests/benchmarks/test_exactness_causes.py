import dataclasses
import json

import numpy as np
import pytest
from exactness import pose
from exactness_causes import BEFORE, CHANGES, PROBLEMS, SEEDS, lagrangian, leverage, markdown, measured
from measure.record import RESULTS


def test_the_optimum_misses_nothing_and_uses_its_limits():
    env, _ = pose("two", 2)
    best = env.solve()
    missing, slack = lagrangian(env, best.reward, best.cost_K)
    assert (missing, slack) == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.0, abs=1e-6))


def test_less_of_both_is_no_better_or_worse_by_the_multiplier():
    """One unit of cost less, and what it is worth of reward less: slack, and nothing missing from the Lagrangian."""
    env, _ = pose("one", 0)
    best, saved = env.solve(), 0.1 * np.array(env.problem.limits)
    missing, slack = lagrangian(env, best.reward - float(best.multiplier_K @ saved), best.cost_K - saved)
    assert (missing, slack) == (pytest.approx(0.0, abs=1e-6), pytest.approx(0.1, abs=1e-6))


def test_a_limit_without_a_price_has_no_slack_to_use():
    env, _ = pose("inactive", 0)
    best = env.solve()
    assert lagrangian(env, best.reward, best.cost_K) == (pytest.approx(0.0, abs=1e-6), 0.0)


def test_leverage_is_the_slope_of_the_optimum():
    env, _ = pose("two", 2)
    best, by = env.solve(), 1e-4
    env.problem = dataclasses.replace(env.problem, limits=tuple((1.0 - by) * limit for limit in env.problem.limits))
    assert leverage(pose("two", 2)[0]) == pytest.approx((1.0 - env.solve().reward / best.reward) / by, rel=1e-3)


def test_a_run_says_what_it_missed(monkeypatch):
    monkeypatch.setattr("exactness_causes.UPDATES", dict.fromkeys(PROBLEMS, 3))
    short = {"episodes_per_update": 4, "critic_epochs": 1}
    priced, limited = measured("infeasible", short, 0), measured("inactive", {**short, "times": 2}, 0)
    assert priced["missed"] > 0.0
    assert "slack" not in priced
    assert limited["slack"] == 0.0
    assert limited["first"] >= 0.0
    entropic = measured("infeasible", {**short, "entropy": 1.0}, 0)
    assert entropic["missed"] != priced["missed"]


def test_the_table_by_hand():
    rows = {"0": {"missed": 0.01}, "1": {"missed": -0.05}, "2": {"missed": 0.02}}
    record = {"problems": {"two": 2}, "changes": {"nothing": {"two": rows}}}
    assert markdown(record).splitlines() == [
        "| changed | `two`, seed 2 |",
        "|---|---|",
        "| nothing | 1.0 (-5.0) |",
    ]


def test_the_committed_runs_are_of_these_options():
    record = json.loads((RESULTS / "exactness_causes.json").read_text(encoding="utf-8"))
    assert record["before"] == repr(BEFORE)
    assert record["options"] == {name: repr(change) for name, change in CHANGES.items()}
    for kinds in record["changes"].values():
        assert list(kinds) == list(PROBLEMS)
        assert all(set(rows) == {str(seed) for seed in SEEDS} for rows in kinds.values())
