import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent import GradientAscent, NuPI


def test_steps_by_hand():
    rule = NuPI(kp=2.0, ki=0.5, nu=0.5, cap=100.0, init=1.0).build(1)
    # the average starts at the first violation: only the integral moves
    assert rule.update(np.array([0.4])) == pytest.approx([1.2])
    # average 0.5 * 0.4 + 0.5 * 0.0 = 0.2, it fell by 0.2: 1.2 + 0.5 * 0.0 - 2 * 0.2
    assert rule.update(np.array([0.0])) == pytest.approx([0.8])
    # average 0.3: 0.8 + 0.5 * 0.4 + 2 * 0.1
    assert rule.update(np.array([0.4])) == pytest.approx([1.2])


@given(violations=st.lists(st.floats(-2, 2), min_size=1, max_size=20))
def test_without_the_proportional_part_it_is_gradient_ascent(violations):
    rule, plain = NuPI(kp=0.0, ki=0.3).build(1), GradientAscent(lr=0.3).build(1)
    for violation in violations:
        assert rule.update(np.array([violation])) == pytest.approx(plain.update(np.array([violation])))


def test_at_the_cap_it_does_not_wind_up():
    rule = NuPI(kp=0.0, ki=1.0, cap=2.0, init=0.0).build(1)
    for _ in range(50):
        rule.update(np.array([0.9]))
    assert rule.update(np.array([-0.5])) == pytest.approx([1.5])
