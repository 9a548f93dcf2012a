import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from cpruner.repair.layer import Positions, expand_taps, input_rows, output_rows, refittable
from cpruner.testing.blocks import Standardised


def draw(output: Tensor, per_image: int, seed: int = 0) -> Positions:
    return Positions.draw(output, per_image, torch.Generator().manual_seed(seed))


def product(module: nn.Module, inputs: Tensor, per_image: int = 5) -> tuple[Tensor, Tensor]:
    """The layer as X W' + b at sampled positions, and its outputs there."""
    with torch.no_grad():
        output = module(inputs)
        at = draw(output, per_image)
        bias = 0 if module.bias is None else module.bias
        return input_rows(module, inputs, at) @ module.weight.flatten(1).T + bias, output_rows(module, output, at)


def test_a_class_that_computes_something_else_of_its_weight_is_not_refitted() -> None:
    assert not refittable(Standardised(3, 4, 3))
    assert refittable(nn.Conv2d(3, 4, 3))
    assert refittable(nn.Linear(3, 4))


@given(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 2), st.integers(1, 3)),
    st.tuples(st.integers(0, 2), st.integers(0, 2)),
    st.tuples(st.integers(1, 2), st.integers(1, 2)),
    st.booleans(),
)
def test_a_convolution_is_a_product_of_rows(kernel, stride, padding, dilation, bias) -> None:
    module = nn.Conv2d(3, 4, kernel, stride, padding, dilation, bias=bias).double()
    x = torch.linspace(-1, 1, 2 * 3 * 7 * 6, dtype=torch.float64).reshape(2, 3, 7, 6).sin()
    found, expected = product(module, x)
    assert torch.allclose(found, expected)


@pytest.mark.parametrize("shape", [(6, 4), (6, 5, 4), (6, 2, 3, 4)])
def test_a_linear_layer_is_a_product_of_rows(shape: tuple[int, ...]) -> None:
    x = torch.linspace(-1, 1, int(torch.tensor(shape).prod()), dtype=torch.float64).reshape(shape).sin()
    found, expected = product(nn.Linear(4, 3).double(), x)
    assert torch.allclose(found, expected)
    assert len(found) == 6 * min(5, int(torch.tensor(shape[1:-1]).prod()))


def test_positions_are_drawn_per_image_inside_the_output() -> None:
    at = draw(torch.zeros(3, 2, 4, 5), 7)
    assert at.image.tolist() == [0] * 7 + [1] * 7 + [2] * 7
    assert 0 <= at.row.min() <= at.row.max() <= 3
    assert 0 <= at.column.min() <= at.column.max() <= 4
    assert len({*zip(at.row.tolist(), at.column.tolist(), strict=True)}) > 7


def test_all_positions_are_taken_where_there_are_no_more() -> None:
    for per_image in (6, 50):
        at = draw(torch.zeros(2, 1, 2, 3), per_image)
        assert at.row.tolist() == [0, 0, 0, 1, 1, 1] * 2
        assert at.column.tolist() == [0, 1, 2, 0, 1, 2] * 2
    assert draw(torch.zeros(4, 9), 16).image.tolist() == [0, 1, 2, 3]


def test_positions_depend_on_the_generator_alone() -> None:
    output = torch.zeros(2, 1, 8, 8)
    before = torch.get_rng_state()
    one, same, other = draw(output, 9, 1), draw(output, 9, 1), draw(output, 9, 2)
    assert torch.equal(one.row, same.row)
    assert not torch.equal(one.row, other.row)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("kind", "expected"), [(torch.float64, torch.float64), (torch.bfloat16, torch.float32)])
def test_rows_are_never_in_half_precision(kind: torch.dtype, expected: torch.dtype) -> None:
    module, x = nn.Conv2d(2, 3, 3).to(kind), torch.ones(1, 2, 5, 5, dtype=kind)
    at = draw(torch.zeros(1, 3, 3, 3), 2)
    assert input_rows(module, x, at).dtype == expected
    assert output_rows(module, torch.zeros(1, 3, 3, 3, dtype=kind), at).dtype == expected


def test_taps_of_a_channel_are_neighbours() -> None:
    assert expand_taps(torch.tensor([0, 2]), nn.Conv2d(3, 1, (1, 2))).tolist() == [0, 1, 4, 5]
    assert expand_taps(torch.tensor([0, 2]), nn.Linear(3, 1)).tolist() == [0, 2]


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (nn.Conv2d(2, 2, 3, padding=1), True),
        (nn.Linear(2, 2), True),
        (nn.Conv2d(2, 2, 3, groups=2), False),
        (nn.Conv2d(2, 2, 3, padding="same"), False),
        (nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect"), False),
        (nn.Conv1d(2, 2, 3), False),
        (nn.ConvTranspose2d(2, 2, 3), False),
        (nn.BatchNorm2d(2), False),
    ],
)
def test_what_can_be_refitted(module: nn.Module, expected: bool) -> None:
    assert refittable(module) is expected
