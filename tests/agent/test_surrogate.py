import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from cpruner.agent.surrogate import clipped_loss, gaussian_kl, truncated_weight


def test_clipped_loss_by_hand():
    # ratios 2, 2, 0.5, 0.5 with clip 0.2: min(2, 1.2), min(-2, -1.2), min(0.5, 0.8), min(-0.5, -0.8)
    log_prob_B = torch.tensor([2.0, 2.0, 0.5, 0.5]).log()
    advantage_B = torch.tensor([1.0, -1.0, 1.0, -1.0])
    loss = clipped_loss(log_prob_B, torch.zeros(4), advantage_B, 0.2)
    assert float(loss) == pytest.approx(-(1.2 - 2.0 + 0.5 - 0.8) / 4.0)


def test_clipped_loss_weighs_steps():
    log_prob_B = torch.tensor([1.1, 0.9]).log()
    loss = clipped_loss(log_prob_B, torch.zeros(2), torch.tensor([2.0, 1.0]), 0.2, torch.tensor([0.5, 0.0]))
    assert float(loss) == pytest.approx(-0.5 * 2.2 / 2.0)


def test_clipped_loss_stops_pulling_outside_the_trust_region():
    log_prob_B = torch.tensor([0.5, -0.5, 0.5, -0.5], requires_grad=True)
    clipped_loss(log_prob_B, torch.zeros(4), torch.tensor([1.0, -1.0, -1.0, 1.0]), 0.2).backward()
    assert log_prob_B.grad[:2].tolist() == [0.0, 0.0]
    assert (log_prob_B.grad[2:] != 0.0).all()


def test_first_gradient_is_the_policy_gradient():
    log_prob_B = torch.tensor([-1.0, -2.0], requires_grad=True)
    clipped_loss(log_prob_B, log_prob_B.detach(), torch.tensor([3.0, -4.0]), 0.2).backward()
    assert log_prob_B.grad.tolist() == pytest.approx([-1.5, 2.0])


def test_truncated_weight_by_hand():
    weight_B = truncated_weight(torch.tensor([0.5, 3.0]).log(), torch.zeros(2), 2.0)
    assert weight_B.tolist() == pytest.approx([0.5, 2.0])


def test_gaussian_kl_by_hand_and_against_torch():
    one = torch.ones(1)
    assert float(gaussian_kl(torch.zeros(1, 1), one, torch.ones(1, 1), one)) == pytest.approx(0.5)
    shrunk = gaussian_kl(torch.zeros(1, 1), one, torch.zeros(1, 1), 2.0 * one)
    assert float(shrunk) == pytest.approx(math.log(2.0) + 1.0 / 8.0 - 0.5)

    generator = torch.Generator().manual_seed(0)
    mean_BA, other_BA = torch.randn(5, 3, generator=generator), torch.randn(5, 3, generator=generator)
    std_A, other_A = torch.tensor([0.5, 1.0, 2.0]), torch.tensor([1.0, 0.3, 2.0])
    expected = kl_divergence(Normal(mean_BA, std_A), Normal(other_BA, other_A)).sum(dim=1).mean()
    assert float(gaussian_kl(mean_BA, std_A, other_BA, other_A)) == pytest.approx(float(expected), rel=1e-5)
