import numpy as np
import pytest

from cpruner.agent import PID
from cpruner.errors import InputError


def test_pid_steps_by_hand():
    rule = PID(kp=2.0, ki=0.5, kd=3.0, cap=100.0, init=0.0).build(1)
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
    rule = PID(kp=0.0, ki=1.0, cap=1.0, init=0.0).build(2)
    for _ in range(50):
        rule.update(np.array([0.9, 0.01]))
    assert rule.lambda_K == pytest.approx([1.0, 0.5])
    # the integral stopped at 0.9, the last value below the cap, so one feasible batch is felt at once
    assert rule.update(np.array([-0.4, 0.0])) == pytest.approx([0.5, 0.5])


def test_pid_may_unwind_at_the_cap():
    rule = PID(kp=1.0, ki=1.0, cap=1.0, init=1.0).build(1)
    assert rule.update(np.array([0.5])) == pytest.approx([1.0])
    assert rule.update(np.array([-0.1])) == pytest.approx([0.8])


def test_a_violation_beyond_the_bound_counts_as_the_bound():
    rule = PID(kp=1.0, ki=0.5, kd=2.0, cap=100.0, bound=0.4, init=0.0).build(2)
    # I = 0.4 and 0.3: 0.4 + 0.5 * 0.4 and 0.3 + 0.5 * 0.3
    assert rule.update(np.array([2.5, 0.3])) == pytest.approx([0.6, 0.45])
    # no growth from 0.4 to 0.4, and 0.1 from 0.3; I = 0.8 and 0.7
    assert rule.update(np.array([9.0, 0.5])) == pytest.approx([0.8, 0.4 + 0.35 + 0.2])
    # slack is not bounded: I = 0
    assert rule.update(np.array([-3.0, -3.0])) == pytest.approx([0.0, 0.0])
    with pytest.raises(InputError, match=r"PID\.bound"):
        PID(bound=-0.1)
