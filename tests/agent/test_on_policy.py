import numpy as np
import pytest

from cpruner.agent import PID, Clipped, Gaussian, OnPolicy, Perceptron
from cpruner.cmdp import Problem
from cpruner.errors import InputError


def test_specs_are_compared_by_value():
    assert OnPolicy() == OnPolicy(
        update=Clipped(), multiplier=PID(), policy=Gaussian(), encoder=Perceptron(hidden=[32, 32])
    )
    assert OnPolicy() != OnPolicy(policy=Gaussian(initial_mean=0.6))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"multiplier_unit": "two"}, r"OnPolicy\.multiplier_unit: expected one of first, pool, one, got 'two'"),
        ({"baseline": "none"}, r"OnPolicy\.baseline: expected one of batch, critic"),
        ({"episodes_per_update": 1}, r"episodes_per_update: expected a number in \[2, inf\]"),
        ({"penalty": "both"}, r"OnPolicy\.penalty: expected one of advantage, reward"),
        ({"cost_advantage": "both"}, r"OnPolicy\.cost_advantage: expected one of scaled, centred"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(InputError, match=message):
        OnPolicy(**options)


def test_costs_cannot_be_scaled_by_a_limit_of_zero():
    problem = Problem(1, 1, 2, ("drop",), (0.0,))
    with pytest.raises(InputError, match=r"positive numbers, got \(0\.0,\).*scale_costs"):
        OnPolicy().build(problem, seed=0)
    agent = OnPolicy(scale_costs=False).build(problem, seed=0)
    assert agent.act(np.zeros(1)).shape == (1,)
