import pytest
import torch
from torch.optim import Adam

from cpruner.agent import Perceptron, Recurrent
from cpruner.agent.critic import Critic, explained_variance, fit_values, value_loss
from cpruner.agent.sequences import Sequences
from cpruner.cmdp import Problem


def make(constraints=1, encoder=None):
    problem = Problem(2, 1, 3, ("c",) * constraints, (1.0,) * constraints)
    return Critic(problem, encoder or Perceptron(hidden=[8]), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("encoder", [None, Recurrent(width=4)])
def test_one_head_for_the_reward_and_one_per_cost(encoder):
    seen = Sequences.of([torch.zeros(3, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)])
    assert make(2, encoder)(seen).shape == (5, 3)


def test_value_loss_by_hand():
    loss = value_loss(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([[0.0, 0.0], [0.0, 4.0]]))
    assert float(loss) == pytest.approx(0.5 * (1.0 + 4.0) / 4.0)


def test_values_are_regressed_on_returns():
    critic, seen = make(), Sequences.of([torch.eye(2, dtype=torch.float64)])
    return_BV = torch.tensor([[1.0, -1.0], [3.0, 0.0]], dtype=torch.float64)
    loss = fit_values(critic, Adam(critic.parameters(), lr=0.05), seen, return_BV, 200)
    assert loss < 1e-3
    assert critic(seen).detach().flatten().tolist() == pytest.approx([1.0, -1.0, 3.0, 0.0], abs=0.1)


def test_explained_variance_by_hand():
    return_B = torch.tensor([0.0, 2.0])
    assert explained_variance(return_B, return_B) == 1.0
    assert explained_variance(torch.tensor([5.0, 5.0]), return_B) == 0.0
    # residuals (-1, 3): variance 4 against 1
    assert explained_variance(torch.tensor([1.0, -1.0]), return_B) == pytest.approx(-3.0)
    assert explained_variance(return_B, torch.ones(2)) == 0.0
