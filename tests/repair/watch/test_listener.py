import pytest
import torch
from torch import Tensor

from cpruner.repair.watch.listener import Listener, Use
from cpruner.repair.watch.product import Product
from cpruner.repair.watch.trail import Trail

OUTPUT = torch.tensor([[1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]])
ADDED = torch.tensor([1.0, 1.0, 2.0, 3.0])


class Quiet(Listener):
    """Says nothing about anything but products."""

    def product(self, use: Use, run) -> Tensor:
        return run()


@pytest.mark.parametrize(
    ("groups", "expected"), [(1, [[[4, 5, 5, 5]]]), (2, [[[4, 5]], [[5, 5]]]), (4, [[[4]], [[5]], [[5]], [[5]]])]
)
def test_outputs_are_without_what_the_op_adds(groups: int, expected: object) -> None:
    use = Use("w", Product(groups), torch.zeros(2, 3), "b", ADDED)
    assert use.outputs(OUTPUT, torch.tensor([1])).tolist() == expected
    assert use.per_group(ADDED).shape == (groups, 1, 4 // groups)


def test_outputs_of_an_op_that_adds_nothing() -> None:
    assert Use("w", Product(), torch.zeros(2, 3)).outputs(OUTPUT, torch.tensor([0])).tolist() == [[[1, 2, 3, 4]]]


def test_half_precision_is_subtracted_in_single() -> None:
    use = Use("w", Product(), torch.zeros(2, 3), "b", torch.full((1,), 1e-4).half())
    rows = use.outputs(torch.ones(2, 1).half(), torch.tensor([0]))
    assert rows.dtype == torch.float32
    assert float(rows) == pytest.approx(1 - 1e-4, rel=1e-5)


def test_a_listener_must_only_know_products() -> None:
    one, trail = torch.ones(2), Trail("w", (2,))
    assert Quiet().join([trail, None], [one, one], torch.add).tolist() == [2, 2]
    Quiet().follow(trail)
    Quiet().branch(trail)
    Quiet().norm("bn.running_mean")
    Quiet().read("w", "aten.mul")
    Quiet().missed("w", "a transposed convolution", (0,))
