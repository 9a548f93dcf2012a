import pytest
import torch
from updates import float64

from cpruner.agent.update.objective import clipped_loss, truncated_weight

ONES = torch.ones(4, dtype=torch.float64)


def test_clipped_loss_by_hand():
    # ratios 2, 2, 0.5, 0.5 with clip 0.2: min(2, 1.2), min(-2, -1.2), min(0.5, 0.8), min(-0.5, -0.8)
    loss = clipped_loss(float64([2.0, 2.0, 0.5, 0.5]), float64([1.0, -1.0, 1.0, -1.0]), 0.2, ONES)
    assert float(loss) == pytest.approx(-(1.2 - 2.0 + 0.5 - 0.8) / 4.0)


def test_clipped_loss_weighs_steps():
    loss = clipped_loss(float64([1.1, 0.9]), float64([2.0, 1.0]), 0.2, float64([0.5, 0.0]))
    assert float(loss) == pytest.approx(-0.5 * 2.2 / 2.0)


def test_clipped_loss_stops_pulling_outside_the_trust_region():
    log_ratio_B = float64([0.5, -0.5, 0.5, -0.5]).requires_grad_()
    clipped_loss(log_ratio_B.exp(), float64([1.0, -1.0, -1.0, 1.0]), 0.2, ONES).backward()
    assert log_ratio_B.grad[:2].tolist() == [0.0, 0.0]
    assert (log_ratio_B.grad[2:] != 0.0).all()


def test_first_gradient_is_the_policy_gradient():
    log_prob_B = float64([-1.0, -2.0]).requires_grad_()
    ratio_B = (log_prob_B - log_prob_B.detach()).exp()
    clipped_loss(ratio_B, float64([3.0, -4.0]), 0.2, ONES[:2]).backward()
    assert log_prob_B.grad.tolist() == pytest.approx([-1.5, 2.0])


def test_truncated_weight_by_hand():
    weight_B = truncated_weight(float64([0.5, 3.0]).log(), float64([0.0, 0.0]), 2.0)
    assert weight_B.tolist() == pytest.approx([0.5, 2.0])
