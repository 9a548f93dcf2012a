"""What every multiplier rule must do."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent import PID, GradientAscent, NuPI, SoftplusAdam
from cpruner.agent.multiplier import MultiplierRule
from cpruner.errors import InputError

RULES = [
    GradientAscent(lr=0.3, cap=2.0, init=0.4),
    PID(kp=1.0, ki=0.5, kd=0.3, cap=2.0, init=0.4),
    NuPI(kp=1.0, ki=0.5, nu=0.3, cap=2.0, init=0.4),
    SoftplusAdam(lr=0.5, cap=2.0, init=0.4),
]
each_rule = pytest.mark.parametrize("spec", RULES, ids=lambda spec: type(spec).__name__)


def test_all_rules_are_here():
    import cpruner.agent.multiplier as room

    specs = {name for name in room.__all__ if name not in ("MultiplierRule", "MultiplierSpec")}
    assert specs == {type(spec).__name__ for spec in RULES}
    assert callable(MultiplierRule)


@each_rule
def test_lambda_is_a_copy(spec):
    rule = spec.build(1)
    assert rule.lambda_K == pytest.approx([0.4])
    rule.lambda_K[0] = 99.0
    rule.update(np.array([0.1]))[0] = 99.0
    assert rule.lambda_K[0] <= 2.0


@each_rule
def test_violated_constraints_get_dearer_and_kept_ones_cheaper(spec):
    dear, cheap = spec.build(1), spec.build(1)
    for _ in range(5):
        dear.update(np.array([0.3]))
        cheap.update(np.array([-0.3]))
    assert dear.lambda_K[0] > 0.4 > cheap.lambda_K[0]


@each_rule
@given(violations=st.lists(st.tuples(*[st.floats(-10, 10)] * 3), min_size=1, max_size=20))
def test_multipliers_stay_in_range_and_constraints_do_not_mix(spec, violations):
    together, alone = spec.build(3), spec.build(1)
    for violation in violations:
        lambda_K = together.update(np.array(violation))
        assert ((lambda_K >= 0.0) & (lambda_K <= spec.cap)).all()
        assert alone.update(np.array(violation[1:2]))[0] == lambda_K[1]


@each_rule
@pytest.mark.parametrize("updates", [0, 3])
def test_state_round_trip(spec, updates):
    rule, resumed = spec.build(2), spec.build(2)
    for _ in range(updates):
        rule.update(np.array([0.3, -0.2]))
    state = rule.state_dict()
    assert all(isinstance(value, torch.Tensor | int) for value in state.values())
    following = [rule.update(np.array([0.4, 0.1])).tolist() for _ in range(3)]
    resumed.load_state_dict(state)
    assert [resumed.update(np.array([0.4, 0.1])).tolist() for _ in range(3)] == following


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PID(ki=-1.0), r"PID\.ki.*\[0"),
        (lambda: GradientAscent(cap=-2.0), r"GradientAscent\.cap.*got -2"),
        (lambda: NuPI(nu=1.5), r"NuPI\.nu.*got 1.5"),
        (lambda: SoftplusAdam(init=0.0), r"SoftplusAdam\.init"),
    ],
)
def test_options_are_checked(make, message):
    with pytest.raises(InputError, match=message):
        make()


@each_rule
def test_a_multiplier_held_at_its_cap_is_saturated(spec):
    rule = spec.build(2)
    assert rule.saturated_K.tolist() == [0.0, 0.0]
    for _ in range(40):
        lambda_K = rule.update(np.array([0.8, -0.1]))
    assert lambda_K[0] == 2.0
    assert rule.saturated_K.tolist() == [1.0, 0.0]


@each_rule
def test_multipliers_that_are_switched_off_are_not_saturated(spec):
    rule = dataclasses.replace(spec, cap=0.0).build(1)
    assert rule.update(np.array([0.8])).tolist() == [0.0]
    assert rule.saturated_K.tolist() == [0.0]
