import pytest
import torch
from torch import nn

from cpruner.agent.off_policy.bellman import backup, best_levels, follow, joint_value


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_target_is_discounted_and_ends_with_the_episode():
    """1 + 0.5 * 4 = 3 and 2 + 0.5 * 6 = 5; after the last step nothing follows, whatever the network says."""
    signal_BV, next_BV = tensor([[1.0, 2.0], [1.0, 2.0]]), tensor([[4.0, 6.0], [float("nan"), 9.0]])
    target_BV = backup(signal_BV, next_BV, torch.tensor([False, True]), 0.5)
    assert target_BV.tolist() == [[3.0, 5.0], [1.0, 2.0]]


def test_prices_decide_which_level_is_best():
    """Reward 1, 3, 4 at costs 0, 1, 3: worth 4 without a price, 3 - 1 = 2 at a price of 1, 1 at a price of 3."""
    value_BALV = tensor([[[[1.0, 0.0], [3.0, 1.0], [4.0, 3.0]]]])
    best = [best_levels(value_BALV, tensor([1.0, -price])).item() for price in (0.0, 1.0, 3.0)]
    assert best == [2, 1, 0]


def test_every_component_has_its_own_best_level():
    value_BALV = tensor([[[[1.0], [2.0]], [[5.0], [3.0]]], [[[4.0], [0.0]], [[0.0], [1.0]]]])
    assert best_levels(value_BALV, tensor([1.0])).tolist() == [[1, 0], [0, 1]]


def test_a_joint_value_is_the_mean_over_components():
    value_BALV = tensor([[[[1.0, 10.0], [2.0, 20.0]], [[5.0, 50.0], [3.0, 30.0]]]])
    assert joint_value(value_BALV, torch.tensor([[1, 0]])).tolist() == [[3.5, 35.0]]
    assert joint_value(value_BALV, torch.tensor([[0, 1]])).tolist() == [[2.0, 20.0]]


def test_the_best_levels_give_the_best_joint_action():
    generator = torch.Generator().manual_seed(0)
    value_BALV = torch.rand((5, 2, 3, 2), generator=generator, dtype=torch.float64)
    weight_V = tensor([1.0, -0.7])
    joint_NB = [joint_value(value_BALV, torch.tensor([[i, j]] * 5)) @ weight_V for i in range(3) for j in range(3)]
    best_B = joint_value(value_BALV, best_levels(value_BALV, weight_V)) @ weight_V
    assert best_B.tolist() == pytest.approx(torch.stack(joint_NB).max(dim=0).values.tolist())


def test_a_target_network_goes_part_of_the_way():
    target, online = nn.Linear(1, 1), nn.Linear(1, 1)
    for layer, weight, bias in ((target, 0.0, 4.0), (online, 10.0, 0.0)):
        nn.init.constant_(layer.weight, weight)
        nn.init.constant_(layer.bias, bias)
    follow(target, online, 0.25)
    assert (target.weight.item(), target.bias.item()) == (2.5, 3.0)
    assert (online.weight.item(), online.bias.item()) == (10.0, 0.0)
    follow(target, online, 1.0)
    assert (target.weight.item(), target.bias.item()) == (10.0, 0.0)
