import math

import pytest
import torch
from updates import float64, make_batch, make_policy

from cpruner.agent.policy import Gaussian


def two_constraints(**given):
    """Two steps, two costs; multipliers 1 and 2, a unit of cost worth 0.5 and 3 of the reward's advantage."""
    policy = make_policy()
    cost_BK = [[0.2, -0.1], [-0.2, 0.1]]
    numbers = {"violation_K": [0.1, -0.1], "lambda_K": [1.0, 2.0], "price_K": [0.5, 3.0], **given}
    return policy, make_batch(policy, [[0.4], [0.6]], [1.0, -1.0], cost_BK, **numbers)


def test_lagrangian_by_hand():
    _, batch = two_constraints()
    assert float(batch.scale) == 4.0
    # (1 - (0.5 * 0.2 - 3 * 0.1)) / 4, and its negative
    assert batch.lagrangian_B.tolist() == pytest.approx([0.3, -0.3])


def test_without_constraints_the_lagrangian_is_the_reward():
    policy = make_policy()
    batch = make_batch(policy, [[0.4], [0.6]], [1.0, -1.0])
    assert float(batch.scale) == 1.0
    assert torch.equal(batch.lagrangian_B, batch.reward_B)


def test_ratios_are_one_at_the_old_policy_and_by_hand_elsewhere():
    policy, batch = two_constraints()
    assert batch.ratio_B(policy(batch.seen)).tolist() == pytest.approx([1.0, 1.0])
    std, mean_BA = 0.2, batch.old.centre_BA
    moved = make_policy(head=Gaussian(initial_mean=0.6, initial_std=std))(batch.seen)
    distance_BA = (batch.action_BA - mean_BA) ** 2 - (batch.action_BA - moved.centre_BA) ** 2
    expected_B = (distance_BA / (2.0 * std**2)).exp()[:, 0]
    assert batch.ratio_B(moved).tolist() == pytest.approx(expected_B.tolist())


def test_old_log_probabilities_by_hand_and_without_gradient():
    policy = make_policy(head=Gaussian(initial_mean=0.5, initial_std=0.2))
    with torch.no_grad():
        policy.head.body.weight.zero_()
    batch = make_batch(policy, [[0.5], [0.7]], [0.0, 0.0])
    peak = -math.log(0.2 * math.sqrt(2.0 * math.pi))
    assert batch.old_log_prob_B.tolist() == pytest.approx([peak, peak - 0.5])
    assert not batch.old_log_prob_B.requires_grad


def test_gradients_reach_the_policy_through_ratios():
    policy, batch = two_constraints()
    (batch.ratio_B(policy(batch.seen)) * float64([1.0, -1.0])).sum().backward()
    assert float(policy.head.body.bias.grad.abs().sum()) > 0.0
