import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from cpruner.repair.watch.product import Product

CONVOLUTION = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}


def wave(*shape: int) -> Tensor:
    """Numbers that do not repeat."""
    count = int(torch.tensor(shape).prod())
    return (torch.arange(count, dtype=torch.float64) * 0.7).sin().reshape(shape)


@st.composite
def convolutions(draw: st.DrawFn) -> tuple[Product, tuple[int, ...]]:
    """Any geometry of one to three axes, and a spatial size it fits on."""
    axes = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.integers(low, high)) for _ in range(axes))

    product = Product(draw(st.sampled_from([1, 2, 4])), each(1, 3), each(1, 3), each(0, 2), each(1, 2))
    return product, each(5, 6)


@given(convolutions(), st.lists(st.integers(0, 10**6), min_size=1, max_size=9))
def test_a_convolution_is_a_product_of_rows(geometry: tuple[Product, tuple[int, ...]], seeds: list[int]) -> None:
    """At any positions, Y = X W + b is what torch's own convolution says."""
    product, size = geometry
    x, bias = wave(2, 4, *size), wave(8)
    weight = wave(8, 4 // product.groups, *product.taps)
    convolve = CONVOLUTION[len(product.taps)]
    y = convolve(x, weight, bias, product.stride, product.padding, product.dilation, product.groups)
    assert product.rows(x) == y.numel() // 8
    at = torch.tensor(seeds) % product.rows(x)
    found = product.inputs(x, at) @ product.matrix(weight) + bias.view(product.groups, 1, -1)
    assert torch.allclose(found, product.outputs(y, at))


@pytest.mark.parametrize("inputs_first", [False, True])
def test_a_linear_map_is_a_product_of_rows(inputs_first: bool) -> None:
    x, weight = wave(6, 4), wave(4, 3) if inputs_first else wave(3, 4)
    product, at = Product(inputs_first=inputs_first), torch.tensor([5, 0, 0, 2])
    y = x @ weight if inputs_first else x @ weight.T
    assert product.rows(x) == 6
    assert torch.equal(product.inputs(x, at), x[None, [5, 0, 0, 2]])
    assert torch.allclose(product.inputs(x, at) @ product.matrix(weight), product.outputs(y, at))
    assert product.axes == ((1, 0) if inputs_first else (0, 1))


def test_rows_by_hand() -> None:
    """A 2 x 2 window with stride 2 and a frame of zeros on a 3 x 3 image: the second position is upper right."""
    product = Product(taps=(2, 2), stride=(2, 2), padding=(1, 1), dilation=(1, 1))
    image = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    assert product.inputs(image, torch.tensor([0, 1, 3])).tolist() == [[[0, 0, 0, 1], [0, 0, 2, 3], [5, 6, 8, 9]]]


def test_groups_stand_in_front() -> None:
    product = Product(groups=2, taps=(1,), stride=(1,), padding=(0,), dilation=(1,))
    x = torch.arange(8.0).reshape(1, 4, 2)
    assert product.inputs(x, torch.tensor([1])).tolist() == [[[1, 3]], [[5, 7]]]
    assert product.outputs(x, torch.tensor([1])).tolist() == [[[1, 3]], [[5, 7]]]


@pytest.mark.parametrize(
    ("product", "shape"),
    [
        (Product(groups=3, taps=(3, 2)), (6, 4, 3, 2)),
        (Product(), (5, 7)),
        (Product(inputs_first=True), (5, 7)),
    ],
)
def test_a_matrix_is_the_weight_again(product: Product, shape: tuple[int, ...]) -> None:
    weight = wave(*shape)
    assert torch.equal(product.weight(product.matrix(weight), weight), weight)


def test_the_width_of_a_row_counts_all_groups() -> None:
    assert Product(groups=3, taps=(3, 2)).width(wave(6, 4, 3, 2)) == 3 * 4 * 6
    assert Product().width(wave(5, 7)) == 7
    assert Product(inputs_first=True).width(wave(5, 7)) == 5


def test_taps_of_a_channel_are_neighbours() -> None:
    assert Product(taps=(1, 2)).taps_of(torch.tensor([2, 0])).tolist() == [4, 5, 0, 1]
    assert Product().taps_of(torch.tensor([2, 0])).tolist() == [2, 0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(torch.float64, torch.float64), (torch.float32, torch.float32), (torch.float16, torch.float32)],
)
def test_rows_are_never_in_half_precision(kind: torch.dtype, expected: torch.dtype) -> None:
    at = torch.tensor([0, 1])
    window = Product(taps=(2,), stride=(1,), padding=(0,), dilation=(1,))
    assert Product().inputs(torch.ones(2, 3, dtype=kind), at).dtype == expected
    assert window.inputs(torch.ones(1, 2, 3, dtype=kind), at).dtype == expected
    assert window.outputs(torch.ones(1, 2, 2, dtype=kind), at).dtype == expected


@pytest.mark.parametrize("product", [Product(), Product(groups=2, taps=(2,), stride=(1,), padding=(0,), dilation=(1,))])
def test_no_rows_at_all(product: Product) -> None:
    x = torch.ones(2, 4, 3) if product.taps else torch.ones(2, 4)
    none = torch.zeros(0, dtype=torch.int64)
    size = math.prod(product.taps) * 4 // product.groups
    assert product.inputs(x, none).shape == (product.groups, 0, size)
    assert product.outputs(x, none).shape == (product.groups, 0, 4 // product.groups)
