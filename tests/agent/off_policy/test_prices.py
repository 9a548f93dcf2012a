import numpy as np
import pytest
import torch

from cpruner.agent import PID, GradientAscent
from cpruner.agent.off_policy.prices import Prices, credited
from cpruner.agent.off_policy.replay import Transitions
from cpruner.cmdp import Episode, Problem
from cpruner.errors import InputError

PROBLEM = Problem(1, 1, 2, ("flops",), (2.0,))
EPISODE = Episode(np.zeros((2, 1)), np.zeros((2, 1)), np.array([1.0, 4.0]), np.array([[2.0], [1.0]]))


def prices(multiplier=None, problem=PROBLEM, *, scale_costs=True, unit="first", baseline=0.0):
    rule = GradientAscent(lr=0.5, init=1.0) if multiplier is None else multiplier
    return Prices(problem, rule, scale_costs=scale_costs, unit=unit, baseline=baseline)


def totals(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_a_step_is_answered_for_with_its_own_or_with_the_whole_episode():
    """Totals are 5 and 3; the baseline of 1 and 2 is taken off once per episode, or at every step."""
    steps, baseline_V = Transitions.of(EPISODE), torch.tensor([1.0, 2.0], dtype=torch.float64)
    assert credited(steps, baseline_V, "step").tolist() == [[1.0, 2.0], [3.0, -1.0]]
    assert credited(steps, baseline_V, "episode").tolist() == [[4.0, 1.0], [4.0, 1.0]]


@pytest.mark.parametrize(("scale_costs", "violation"), [(True, 0.25), (False, 0.5)])
def test_a_violation_is_the_mean_of_whole_episodes_against_the_limit(scale_costs, violation):
    found = prices(scale_costs=scale_costs).violation(totals((9.0, 2.0), (9.0, 3.0)))
    assert found.tolist() == [violation]


def test_weights_are_those_of_the_lagrangian():
    priced = prices()
    assert priced.weight_V.tolist() == [0.5, -0.5]
    priced.charge(np.array([4.0]))
    assert priced.weight_V.tolist() == pytest.approx([1 / 4, -3 / 4])


def test_nothing_is_priced_before_something_is_measured():
    priced = prices()
    assert priced.multipliers == (0.0,)
    priced.measure(totals((1.0, 2.0)), totals((0.0, 2.0), (8.0, 4.0)))
    # lambda 1 in units of the spreads: 4 of reward over 1 of cost
    assert priced.multipliers == (4.0,)


def test_without_a_cap_there_is_no_price():
    priced = prices(PID(cap=0.0))
    priced.charge(np.array([10.0]))
    assert priced.weight_V.tolist() == [1.0, 0.0]
    assert priced.saturated_K.tolist() == [0.0]


def test_a_multiplier_at_its_cap_is_told():
    priced = prices(GradientAscent(lr=1.0, init=1.0, cap=2.0))
    assert priced.saturated_K.tolist() == [0.0]
    priced.charge(np.array([5.0]))
    assert priced.saturated_K.tolist() == [1.0]


@pytest.mark.parametrize(("unit", "after"), [("first", (4.0, 1.0)), ("pool", (2.0, 3.0)), ("one", (1.0, 1.0))])
def test_units_are_spreads_of_totals(unit, after):
    priced, steps = prices(unit=unit), Transitions.of(EPISODE)
    priced.measure(totals((0.0, 2.0)), totals((0.0, 2.0), (8.0, 4.0)))
    priced.measure(totals((0.0, 2.0)), totals((1.0, 0.0), (5.0, 6.0)))
    assert priced.signal(steps, "episode")[0].tolist() == pytest.approx([5.0 / after[0], 3.0 / after[1]])


@pytest.mark.parametrize("unit", ["first", "pool"])
def test_what_does_not_vary_keeps_its_unit_until_it_does(unit):
    priced, steps = prices(unit=unit), Transitions.of(EPISODE)
    priced.measure(totals((0.0, 2.0)), totals((0.0, 2.0), (8.0, 2.0)))
    assert priced.signal(steps, "step")[0].tolist() == [0.25, 2.0]
    priced.measure(totals((0.0, 2.0)), totals((0.0, 2.0), (8.0, 12.0)))
    assert priced.signal(steps, "step")[0].tolist() == [0.25, 0.4]
    priced.measure(totals((0.0, 2.0)), totals((3.0, 2.0), (3.0, 2.0)))
    assert priced.signal(steps, "step")[0].tolist() == [0.25, 0.4]


def test_the_baseline_is_a_moving_average_from_what_is_held():
    """Held mean (4, 3); a quarter of the way to the fresh (8, 7) gives (5, 4), then to (9, 0) gives (6, 3)."""
    priced, steps = prices(unit="one", baseline=0.25), Transitions.of(EPISODE)
    priced.measure(totals((8.0, 7.0)), totals((0.0, 2.0), (8.0, 4.0)))
    assert priced.signal(steps, "episode").tolist() == [[0.0, -1.0]] * 2
    priced.measure(totals((9.0, 0.0)), totals((0.0, 2.0), (8.0, 4.0)))
    assert priced.signal(steps, "episode").tolist() == [[-1.0, 0.0]] * 2


def test_a_saved_state_continues_alike():
    first, second = (prices(PID(kp=0.3), baseline=0.5) for _ in range(2))
    first.charge(np.array([0.4]))
    first.measure(totals((1.0, 2.0)), totals((0.0, 2.0), (8.0, 4.0)))
    second.load_state_dict(first.state_dict())
    for priced in (first, second):
        priced.charge(np.array([-0.2]))
        priced.measure(totals((3.0, 1.0)), totals((0.0, 2.0), (9.0, 4.0)))
    assert first.multipliers == second.multipliers
    steps = Transitions.of(EPISODE)
    assert torch.equal(first.signal(steps, "step"), second.signal(steps, "step"))


def test_a_limit_of_zero_is_no_unit():
    problem = Problem(1, 1, 1, ("flops",), (0.0,))
    with pytest.raises(InputError, match="limits of the problem: expected positive numbers"):
        prices(problem=problem)
    assert prices(problem=problem, scale_costs=False).violation(totals((0.0, 3.0))).tolist() == [3.0]


def test_without_constraints_only_the_reward_is_left():
    priced = prices(problem=Problem(1, 1, 1))
    assert priced.weight_V.tolist() == [1.0]
    assert priced.multipliers == ()
    assert priced.violation(totals((4.0,))).shape == (0,)
