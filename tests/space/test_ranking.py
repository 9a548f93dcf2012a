import numpy as np
import pytest
import torch
from torch import nn

from cpruner.space import FIXED, Cut, Labels, Plan, magnitude, order, trace, unit_norms

MODEL = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
CHANNELS = (Labels(((0, 1, 2),)),)
PLAN = Plan(("0",), (3,), CHANNELS, (Cut("0.weight", 0, 0), Cut("0.bias", 0, 0), Cut("1.weight", 1, 0)))


@pytest.fixture
def model() -> nn.Module:
    with torch.no_grad():
        MODEL[0].weight.copy_(torch.tensor([[1.0, 1.0], [0.0, 2.0], [0.0, 0.0]]))
        MODEL[1].weight.copy_(torch.tensor([[1.0, 0.0, 3.0]]))
    return MODEL


def test_norms_by_hand(model: nn.Module) -> None:
    """Rows 2, 4, 0 of 6 and columns 1, 0, 9 of 10; the bias, a vector, does not count."""
    expected = [2 / 6 + 1 / 10, 4 / 6 + 0, 0 + 9 / 10]
    assert unit_norms(model, PLAN).tolist() == pytest.approx(expected)
    assert magnitude(model, PLAN) == ((2, 1, 0),)


def test_norms_do_not_depend_on_the_scale_of_a_layer(model: nn.Module) -> None:
    before = unit_norms(model, PLAN)
    with torch.no_grad():
        model[0].weight.mul_(1000)
    assert unit_norms(model, PLAN).tolist() == pytest.approx(before.tolist())


def test_fixed_indices_count_for_nobody(model: nn.Module) -> None:
    plan = Plan(("0",), (2,), (Labels(((0, FIXED, 1),)),), (Cut("1.weight", 1, 0),))
    assert unit_norms(model, plan).tolist() == pytest.approx([0.1, 0.9])


def test_an_index_with_two_factors_counts_for_both() -> None:
    """Two heads of two: rows of norm 1, 2, 3 and 4, of 10 together; heads 0-1 get 3 and 7, dimensions 4 and 6."""
    model = nn.Linear(1, 4, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[1.0], [2.0], [3.0], [4.0]]).sqrt())
    grid = Labels(((0, 0, 1, 1), (2, 3, 2, 3)))
    plan = Plan(("heads", "dims"), (2, 2), (grid,), (Cut("weight", 0, 0),))
    assert unit_norms(model, plan).tolist() == pytest.approx([0.3, 0.7, 0.4, 0.6])
    assert magnitude(model, plan) == ((1, 0), (1, 0))


def test_tensors_without_numbers_count_nothing() -> None:
    with torch.device("meta"):
        model = nn.Linear(2, 3)
    assert unit_norms(model, Plan(("",), (3,), CHANNELS, (Cut("weight", 0, 0),))).tolist() == [0, 0, 0]


def test_a_layer_of_zeros_divides_by_nothing() -> None:
    model = nn.Linear(2, 3)
    nn.init.zeros_(model.weight)
    assert unit_norms(model, Plan(("",), (3,), CHANNELS, (Cut("weight", 0, 0),))).tolist() == [0, 0, 0]


def test_order_ranks_inside_each_group_and_keeps_ties() -> None:
    plan = Plan(("a", "b"), (3, 2), (), ())
    assert order(torch.tensor([1.0, 5.0, 1.0, 0.0, 0.5]), plan) == ((1, 0, 2), (1, 0))


def test_a_traced_space_is_ranked_by_magnitude() -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    space = trace(model, torch.ones(1, 4))
    assert space.ranking == magnitude(model, space.plan)
    norms = unit_norms(model, space.plan).numpy()
    assert set(space.uniform(0.5).kept[0]) == set(np.argsort(-norms)[:4].tolist())
