import math

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cpruner.agent.update.least_distance import solve

KINDS = ["plain", "duplicate", "opposite", "no slope", "no gain", "gain among slopes"]


def problem(seed, kind, dimensions, count):
    """Gain, slopes, violations and radius over many orders of magnitude, degenerate as the kind says."""
    generator = np.random.default_rng(seed)
    gain_D = generator.standard_normal(dimensions) * 10.0 ** generator.uniform(-3, 3)
    slope_KD = generator.standard_normal((count, dimensions)) * 10.0 ** generator.uniform(-3, 3, (count, 1))
    radius = 10.0 ** generator.uniform(-2, 1)
    reach_K = radius * np.linalg.norm(slope_KD, axis=1)
    violation_K = generator.standard_normal(count) * reach_K * generator.choice([0.0, 0.3, 1.0])
    if kind == "duplicate" and count > 1:
        slope_KD[1], violation_K[1] = slope_KD[0], violation_K[0]
    elif kind == "opposite" and count > 1:
        slope_KD[1], violation_K[1] = -slope_KD[0], -violation_K[0]
    elif kind == "no slope" and count:
        slope_KD[0] = 0.0
    elif kind == "no gain":
        gain_D *= 0.0
    elif kind == "gain among slopes" and count:
        gain_D = slope_KD.T @ generator.random(count)
    return gain_D, slope_KD, violation_K, radius


def by_cvxpy(gain_D, slope_KD, violation_K, radius):
    """Largest gain, or None, in units of radius and gain; and the smallest worst violation that can be had."""
    size_K = radius * np.linalg.norm(slope_KD, axis=1)
    y, worst = cp.Variable(len(gain_D)), cp.Variable()
    inside = [cp.norm(y) <= 1.0]
    moving = size_K > 0.0
    rows = [
        radius * slope / size @ y + g / size <= 0.0
        for slope, g, size in zip(slope_KD, violation_K, size_K, strict=True)
        if size > 0.0
    ]
    best = cp.Problem(cp.Maximize(gain_D / max(np.linalg.norm(gain_D), 1e-300) @ y), inside + rows)
    best.solve(solver=cp.CLARABEL)
    unit = max(float(np.abs(violation_K).max(initial=0.0)), float(size_K.max(initial=0.0)), 1e-300)
    rows = [
        radius / unit * slope @ y + g / unit <= worst
        for slope, g in zip(slope_KD[moving], violation_K[moving], strict=True)
    ]
    least = cp.Problem(cp.Minimize(worst), [*inside, *rows, worst >= 0.0])
    least.solve(solver=cp.CLARABEL)
    possible = best.status == cp.OPTIMAL and not (violation_K[~moving] > 0.0).any()
    return (float(best.value) if possible else None), unit * float(least.value)


@settings(max_examples=40)
@given(seed=st.integers(0, 10**9), kind=st.sampled_from(KINDS), dimensions=st.integers(1, 5), count=st.integers(0, 5))
def test_agrees_with_cvxpy(seed, kind, dimensions, count):
    gain_D, slope_KD, violation_K, radius = problem(seed, kind, dimensions, count)
    answer = solve(gain_D, slope_KD, violation_K, radius)
    best, least = by_cvxpy(gain_D, slope_KD, violation_K, radius)
    after_K = violation_K + slope_KD @ answer.step_D
    assert np.linalg.norm(answer.step_D) <= radius * (1.0 + 1e-8)
    assert answer.feasible == (best is not None)
    if best is None:
        moving_K = np.abs(slope_KD).max(axis=1) > 0.0
        assert after_K[moving_K].max(initial=0.0) == pytest.approx(
            least, abs=1e-6 * max(1.0, np.abs(violation_K).max())
        )
        return
    length = max(np.linalg.norm(gain_D), 1e-300)
    assert gain_D @ answer.step_D / length / radius == pytest.approx(best, abs=1e-5)
    assert (after_K <= 1e-7 * np.maximum(radius * np.linalg.norm(slope_KD, axis=1), 1e-12)).all()


@settings(max_examples=100)
@given(seed=st.integers(0, 10**9), kind=st.sampled_from(KINDS), dimensions=st.integers(1, 5), count=st.integers(0, 8))
def test_multipliers_meet_the_optimality_conditions(seed, kind, dimensions, count):
    gain_D, slope_KD, violation_K, radius = problem(seed, kind, dimensions, count)
    answer = solve(gain_D, slope_KD, violation_K, radius)
    assert (answer.price_K >= 0.0).all()
    assert answer.trust >= 0.0
    if not answer.feasible:
        assert not answer.price_K.any()
        return
    rest_D = gain_D - slope_KD.T @ answer.price_K - answer.trust * answer.step_D
    assert np.abs(rest_D).max() <= 1e-5 * max(np.linalg.norm(gain_D), 1e-12)
    slack_K = violation_K + slope_KD @ answer.step_D
    reach_K = radius * np.linalg.norm(slope_KD, axis=1)
    assert not answer.price_K[slack_K < -1e-6 * reach_K].any()
    if answer.trust > 0.0:
        assert np.linalg.norm(answer.step_D) == pytest.approx(radius, rel=1e-6)


def test_without_constraints_the_step_follows_the_gain_to_the_radius():
    answer = solve(np.array([3.0, 4.0]), np.zeros((0, 2)), np.zeros(0), 2.0)
    assert answer.step_D == pytest.approx([1.2, 1.6])
    assert answer.trust == pytest.approx(2.5)
    assert answer.feasible


def test_one_active_constraint_as_in_closed_form():
    """Equation 12 of Achiam et al. for one constraint: lambda = sqrt((q - r^2 / s) / (2 delta - c^2 / s))."""
    gain_D, slope_D, violation, delta = np.array([1.0, 2.0]), np.array([0.5, 1.5]), -0.1, 0.02
    q, r, s = gain_D @ gain_D, gain_D @ slope_D, slope_D @ slope_D
    trust = math.sqrt((q - r**2 / s) / (2.0 * delta - violation**2 / s))
    price = (trust * violation + r) / s
    answer = solve(gain_D, slope_D[None], np.array([violation]), math.sqrt(2.0 * delta))
    assert answer.trust == pytest.approx(trust)
    assert answer.price_K == pytest.approx([price])
    assert answer.step_D == pytest.approx((gain_D - price * slope_D) / trust, abs=1e-8)


def test_a_slack_constraint_has_no_price():
    answer = solve(np.array([1.0, 0.0]), np.array([[0.0, 1.0]]), np.array([-0.5]), 1.0)
    assert answer.step_D == pytest.approx([1.0, 0.0])
    assert answer.price_K.tolist() == [0.0]


def test_a_constraint_inside_the_region_ends_the_step_before_the_radius():
    answer = solve(np.array([2.0]), np.array([[4.0]]), np.array([-2.0]), 1.0)
    assert answer.step_D == pytest.approx([0.5])
    assert answer.price_K == pytest.approx([0.5])
    assert answer.trust == 0.0


def test_what_can_be_repaired_in_the_region_is():
    answer = solve(np.array([1.0, 0.0]), np.array([[1.0, 0.0]]), np.array([0.5]), 1.0)
    assert answer.feasible
    assert answer.step_D[0] == pytest.approx(-0.5)


@pytest.mark.parametrize("share", [1.0 - 1e-12, 1.0, 1.0 + 1e-12])
def test_a_constraint_that_touches_the_region_leaves_one_point(share):
    answer = solve(np.array([7.0, -1.0]), np.array([[3.0, 4.0]]), np.array([0.5 * share]), 0.1)
    assert answer.step_D == pytest.approx([-0.06, -0.08], abs=1e-5)


def test_one_constraint_out_of_reach_is_approached_by_the_recovery_step():
    """Equation 14: -sqrt(2 delta / s) b; here sqrt(2 delta) = 0.1 and b = (3, 4)."""
    answer = solve(np.array([7.0, -1.0]), np.array([[3.0, 4.0]]), np.array([2.0]), 0.1)
    assert not answer.feasible
    assert answer.step_D == pytest.approx([-0.06, -0.08])
    assert answer.price_K.tolist() == [0.0]


def test_contradictory_constraints_are_violated_evenly():
    # y <= -0.3 and y >= 0.5: at y = 0.1 either lacks 0.4
    answer = solve(np.array([1.0]), np.array([[1.0], [-1.0]]), np.array([0.3, 0.5]), 1.0)
    assert not answer.feasible
    assert answer.step_D == pytest.approx([0.1])


def test_what_nothing_changes_does_not_keep_others_from_being_repaired():
    answer = solve(np.array([1.0, 1.0]), np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([5.0, 0.4]), 1.0)
    assert not answer.feasible
    assert answer.step_D == pytest.approx([-0.4, 0.0])


def test_no_dimension_at_all_is_no_step():
    answer = solve(np.zeros(0), np.zeros((1, 0)), np.array([-1.0]), 1.0)
    assert answer.step_D.shape == (0,)
    assert answer.feasible
