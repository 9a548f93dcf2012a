import numpy as np
import pytest

from cpruner.agent import PPOLagrangian
from cpruner.agent.multiplier import PID, GradientAscent
from cpruner.cmdp import Problem
from cpruner.errors import InputError


def test_the_multiplier_rule_is_a_choice():
    pid = PPOLagrangian(pid_kp=3.0, pid_ki=0.5, pid_kd=0.2, multiplier_cap=7.0, multiplier_init=0.1).rule(2)
    assert pid.spec == PID(kp=3.0, ki=0.5, kd=0.2, cap=7.0, init=0.1)
    gradient = PPOLagrangian(multiplier="gradient", multiplier_lr=0.3, multiplier_cap=7.0, multiplier_init=0.1).rule(2)
    assert gradient.spec == GradientAscent(lr=0.3, cap=7.0, init=0.1)
    assert gradient.lambda_K.tolist() == [0.1, 0.1]


def test_specs_are_compared_by_value():
    assert PPOLagrangian() == PPOLagrangian()
    assert PPOLagrangian().hidden is not PPOLagrangian().hidden


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"multiplier": "adam"}, r"PPOLagrangian\.multiplier: expected one of gradient, pid, got 'adam'"),
        ({"baseline": "none"}, r"PPOLagrangian\.baseline: expected one of batch, critic"),
        ({"episodes_per_update": 1}, r"episodes_per_update: expected a number in \[2, inf\]"),
        ({"initial_mean": 1.0}, r"initial_mean"),
        ({"hidden": [8, 0]}, r"PPOLagrangian\.hidden: expected positive widths, got \[8, 0\]"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(InputError, match=message):
        PPOLagrangian(**options)


def test_costs_cannot_be_scaled_by_a_limit_of_zero():
    problem = Problem(1, 1, 2, ("drop",), (0.0,))
    with pytest.raises(InputError, match=r"positive numbers, got \(0\.0,\).*scale_costs"):
        PPOLagrangian().build(problem, seed=0)
    agent = PPOLagrangian(scale_costs=False).build(problem, seed=0)
    assert agent.act(np.zeros(1)).shape == (1,)
