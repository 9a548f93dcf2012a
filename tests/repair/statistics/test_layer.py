import dataclasses

import pytest
import torch

from cpruner.repair import Layer, Skipped
from cpruner.repair.statistics.moment import moments
from cpruner.repair.watch.product import Product

ROWS = torch.zeros(1, 2, 1)
LAYER = Layer(
    "fc.weight", None, None, Product(), moments(ROWS, ROWS), 2, torch.zeros(0, dtype=torch.int64), ROWS[:, :0]
)


@pytest.mark.parametrize(
    ("bias", "norm", "expected"), [(None, None, False), ("fc.bias", None, True), (None, "bn", True), (None, "", True)]
)
def test_an_intercept_needs_a_place(bias: str | None, norm: str | None, expected: bool) -> None:
    """The norm may be the network itself, whose path is empty."""
    assert dataclasses.replace(LAYER, bias=bias, norm=norm).takes_offset is expected


def test_a_reason_reads_as_text() -> None:
    assert f"up.weight: {Skipped('a transposed convolution', (0,))}" == "up.weight: a transposed convolution"
