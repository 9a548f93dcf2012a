import pytest
import torch

from cpruner.agent.critic import Critic, explained_variance, value_loss


def test_one_head_for_the_reward_and_one_per_cost():
    critic = Critic(3, 2, hidden=(8,), generator=torch.Generator().manual_seed(0))
    assert critic(torch.zeros(5, 3, dtype=torch.float64)).shape == (5, 3)


def test_value_loss_by_hand():
    loss = value_loss(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.0], [0.0, 4.0]]))
    assert float(loss) == pytest.approx(0.5 * (1.0 + 4.0) / 4.0)


def test_explained_variance_by_hand():
    return_B = torch.tensor([0.0, 2.0])
    assert explained_variance(return_B, return_B) == 1.0
    assert explained_variance(torch.tensor([5.0, 5.0]), return_B) == 0.0
    # residuals (-1, 3): variance 4 against 1
    assert explained_variance(torch.tensor([1.0, -1.0]), return_B) == pytest.approx(-3.0)
    assert explained_variance(return_B, torch.ones(2)) == 0.0
