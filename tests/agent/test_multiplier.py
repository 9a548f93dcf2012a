import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent.multiplier import PID, GradientAscent
from cpruner.errors import InputError

RULES = [GradientAscent(lr=0.3, cap=2.0, init=0.4), PID(kp=1.0, ki=0.5, kd=0.3, cap=2.0, init=0.4)]


def test_gradient_ascent_steps_by_hand():
    rule = GradientAscent(lr=0.5, cap=1.0).build(2)
    assert rule.lambda_K.tolist() == [0.0, 0.0]
    assert rule.update(np.array([0.4, -1.0])).tolist() == [0.2, 0.0]
    assert rule.update(np.array([0.4, 0.2])).tolist() == pytest.approx([0.4, 0.1])
    assert rule.update(np.array([9.0, -0.1])).tolist() == pytest.approx([1.0, 0.05])


def test_pid_steps_by_hand():
    rule = PID(kp=2.0, ki=0.5, kd=3.0, cap=100.0).build(1)
    # I = 0.2, no growth on the first update: 2 * 0.2 + 0.5 * 0.2
    assert rule.update(np.array([0.2])) == pytest.approx([0.5])
    # I = 0.5, growth 0.1: 2 * 0.3 + 0.5 * 0.5 + 3 * 0.1
    assert rule.update(np.array([0.3])) == pytest.approx([1.15])
    # I = 0.6, the fall does not count: 2 * 0.1 + 0.5 * 0.6
    assert rule.update(np.array([0.1])) == pytest.approx([0.5])
    # I = (0.6 - 1)+ = 0, lambda = (-2)+ = 0
    assert rule.update(np.array([-1.0])) == pytest.approx([0.0])
    # the integral restarts at zero: growth 1.1
    assert rule.update(np.array([0.1])) == pytest.approx([0.2 + 0.05 + 3.3])


def test_pid_starts_its_integral_at_init():
    rule = PID(kp=0.0, ki=0.5, init=1.5).build(1)
    assert rule.lambda_K.tolist() == [1.5]
    assert rule.update(np.array([0.0])) == pytest.approx([1.5])


def test_pid_at_the_cap_does_not_wind_up():
    rule = PID(kp=0.0, ki=1.0, cap=1.0).build(2)
    for _ in range(50):
        rule.update(np.array([0.9, 0.01]))
    assert rule.lambda_K == pytest.approx([1.0, 0.5])
    # the integral stopped at 0.9, the last value below the cap, so one feasible batch is felt at once
    assert rule.update(np.array([-0.4, 0.0])) == pytest.approx([0.5, 0.5])


def test_pid_may_unwind_at_the_cap():
    rule = PID(kp=1.0, ki=1.0, cap=1.0, init=1.0).build(1)
    assert rule.update(np.array([0.5])) == pytest.approx([1.0])
    assert rule.update(np.array([-0.1])) == pytest.approx([0.8])


def test_lambda_is_a_copy():
    for spec in RULES:
        rule = spec.build(1)
        rule.lambda_K[0] = 99.0
        rule.update(np.array([0.1]))[0] = 99.0
        assert rule.lambda_K[0] < 2.0


@pytest.mark.parametrize("spec", RULES, ids=lambda spec: type(spec).__name__)
@given(violations=st.lists(st.tuples(*[st.floats(-10, 10)] * 3), min_size=1, max_size=20))
def test_multipliers_stay_in_range_and_constraints_do_not_mix(spec, violations):
    together, alone = spec.build(3), spec.build(1)
    for violation in violations:
        lambda_K = together.update(np.array(violation))
        assert ((lambda_K >= 0.0) & (lambda_K <= spec.cap)).all()
        assert alone.update(np.array(violation[1:2]))[0] == lambda_K[1]


@pytest.mark.parametrize("spec", RULES, ids=lambda spec: type(spec).__name__)
@pytest.mark.parametrize("updates", [0, 3])
def test_state_round_trip(spec, updates):
    rule, resumed = spec.build(2), spec.build(2)
    for _ in range(updates):
        rule.update(np.array([0.3, -0.2]))
    state = rule.state_dict()
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    following = [rule.update(np.array([0.4, 0.1])).tolist() for _ in range(3)]
    resumed.load_state_dict(state)
    assert [resumed.update(np.array([0.4, 0.1])).tolist() for _ in range(3)] == following


@pytest.mark.parametrize(
    ("make", "message"),
    [(lambda: PID(ki=-1.0), r"PID\.ki.*\[0"), (lambda: GradientAscent(cap=-2.0), r"GradientAscent\.cap.*got -2")],
)
def test_options_are_checked(make, message):
    with pytest.raises(InputError, match=message):
        make()
