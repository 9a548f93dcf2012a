import pytest
import torch
from rankings import batch, evidence, undecided
from torch import nn

from cpruner.errors import InputError
from cpruner.ranking.taylor import taylor
from cpruner.testing.nets import NETS

ONE = torch.ones(1, 1, dtype=torch.float64)


def test_by_hand() -> None:
    """Sums 2 * 3/2, 2 * -1 and 2 * -1/2: squares 9, 4 and 1."""
    assert taylor(evidence(undecided(), ONE, batch(0))) == ((0, 1, 2),)


def test_squares_are_averaged_over_mini_batches() -> None:
    """One label each cancels in a gradient over both images, and no unit is worth anything; one by one they are."""
    model = undecided()
    with torch.no_grad():  # the order 2, 1, 0 cannot come from ties
        model[0].weight.copy_(model[0].weight.flip(0))
        model[1].weight.copy_(model[1].weight.flip(1))
    assert taylor(evidence(model, ONE, batch(0, 1), batch_size=2)) == ((0, 1, 2),)
    assert taylor(evidence(model, ONE, batch(0, 1), batch_size=1)) == ((2, 1, 0),)


def test_a_mini_batch_counts_by_its_images() -> None:
    """Squares 9, 4, 1 on two images and 0, 6, 6 on a third: 18, 14, 8. Batch by batch, 9, 10, 7 would come out."""
    model = undecided()
    k = 1.5**0.5
    model[0].weight = nn.Parameter(torch.tensor([[1.0, 0.0], [1.0, k], [1.0, -2 * k]], dtype=torch.float64))
    images = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]], dtype=torch.float64)
    assert taylor(evidence(model, images, (images, torch.tensor([0, 0, 0])), batch_size=2)) == ((0, 1, 2),)


def test_a_unit_that_does_nothing_comes_last() -> None:
    net = {net.name: net for net in NETS}["flatten"]
    model = net.build()
    with torch.no_grad():
        model.bn.bias.fill_(3.0)  # no other unit is dead
        model.head.weight.view(5, 6, 36)[:, 2] = 0
    images = torch.randn(8, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    (order,) = taylor(evidence(model, images[:1], (images, torch.arange(8) % 5), batch_size=2))
    assert order[-1] == 2


def test_batches_are_needed() -> None:
    with pytest.raises(InputError, match=r"^batches: expected at least one batch .*got none"):
        taylor(evidence(nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 2)), torch.ones(1, 1), criterion="taylor"))
