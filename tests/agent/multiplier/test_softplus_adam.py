import math

import numpy as np
import pytest
import torch

from cpruner.agent import SoftplusAdam


def test_steps_are_those_of_torch():
    rule = SoftplusAdam(lr=0.7, init=1.0, cap=1e9).build(2)
    raw_K = torch.full((2,), math.log(math.e - 1.0), dtype=torch.float64, requires_grad=True)
    adam = torch.optim.Adam([raw_K], lr=0.7, maximize=True)
    for violation_K in ([0.5, -0.2], [0.1, 0.3], [-2.0, 0.0]):
        adam.zero_grad()
        (torch.nn.functional.softplus(raw_K) * torch.tensor(violation_K, dtype=torch.float64)).sum().backward()
        adam.step()
        expected_K = torch.nn.functional.softplus(raw_K).detach().numpy()
        assert rule.update(np.array(violation_K)) == pytest.approx(expected_K, rel=1e-6)


def test_the_first_step_is_the_step_size_however_small_the_violation():
    """Hence the wind-up of the paper's curves."""
    rule = SoftplusAdam(lr=1.0, init=1.0).build(1)
    assert rule.update(np.array([1e-3])) == pytest.approx(
        [math.log1p(math.exp(math.log(math.e - 1.0) + 1.0))], rel=1e-4
    )


def test_a_far_multiplier_raises_no_warning():
    rule = SoftplusAdam(lr=500.0).build(2)
    for _ in range(5):
        lambda_K = rule.update(np.array([1.0, -1.0]))
    assert lambda_K.tolist() == [1000.0, 0.0]
