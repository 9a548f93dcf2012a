import pytest
import torch
from function import Function
from torch import nn

from cpruner.repair.watch.meter import bytes_of


def test_the_largest_product_counts_with_its_input() -> None:
    """The second layer reads 4 x 8 x 8 and makes 8 x 8 x 8 numbers of 8 bytes, twice as many as live at once."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(4, 8, 1), nn.Conv2d(8, 1, 1)).double()
    assert bytes_of(network, torch.zeros(1, 3, 8, 8).double()) == 2 * (4 + 8) * 64 * 8


def test_tokens_count_all() -> None:
    assert bytes_of(nn.Linear(4, 6), torch.zeros(1, 10, 4)) == 2 * (4 + 6) * 10 * 4


def test_a_network_without_products_takes_next_to_nothing() -> None:
    assert bytes_of(Function(lambda s, x: x.relu()), torch.zeros(1, 3)) == 1


@pytest.mark.parametrize("training", [True, False])
def test_one_image_is_enough_for_a_batch_norm(training: bool) -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).train(training)
    assert bytes_of(network, torch.zeros(1, 3)) == 2 * (3 + 4) * 4
    assert network.training is training
