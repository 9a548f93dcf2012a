import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_task import SIZES, flops, params, space
from torch import Tensor, nn

from cpruner.env.posynomial import Posynomial, Posynomials
from cpruner.space import Algebra, trace
from cpruner.space.algebra import Length, Product


class Joined(nn.Module):
    """Two convolutions whose outputs are joined: an axis as long as two widths and a fixed part together."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 5, 1), nn.Conv2d(3, 7, 1)
        self.depthwise = nn.Conv2d(15, 15, 3, groups=15, bias=False)
        self.last = nn.Conv2d(15, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        joined = torch.cat([self.first(x).relu(), x, self.second(x).relu()], dim=1)
        return torch.as_tensor(self.last(self.depthwise(joined).relu()))


JOINED = trace(Joined().eval(), torch.zeros(1, 3, 6, 6))


def test_a_monomial_sum_by_hand() -> None:
    """2 x^2 y + 5 at x = 3, y = 4 is 77."""
    found = Posynomial.of({((0, 2), (1, 1)): 2.0, (): 5.0, ((1, 1),): 0.0}, 2)
    assert found.exponent_MZ.toarray().tolist() == [[2.0, 1.0], [0.0, 0.0]]
    assert np.exp(found.log(np.log([3.0, 4.0]))) == pytest.approx(77)


def test_counts_by_hand_at_widths_that_are_not_whole() -> None:
    logs = Posynomials.of(space().algebra, 3).logs(np.array([1.5, 2.5, 3.5]))
    a, b, c = 1.5, 2.5, 3.5
    expected = 2 * (9 * a * 64 + 9 * a * b * 16 + 9 * b * c * 4 + 10 * c)
    assert np.exp([logs["flops"], logs["macs"]]) == pytest.approx([expected, expected / 2])
    assert np.exp(logs["params"]) == pytest.approx(11 * a + 9 * a * b + 2 * b + 9 * b * c + 2 * c + 10 * c + 10)


def test_terms_with_the_same_widths_are_added_up() -> None:
    found = Posynomials.of(space().algebra, 3)
    assert found.lengths == ()
    assert len(found.counts["params"].log_M) == 6  # a, ab, b, bc, c, 1
    assert len(found.counts["flops"].log_M) == 4


def test_lengths_that_are_sums_are_variables_of_their_own() -> None:
    found = Posynomials.of(JOINED.algebra, len(JOINED.groups))
    assert len(JOINED.groups) >= 2
    assert found.lengths
    assert all(length.exponent_MZ.shape[1] == len(JOINED.groups) + len(found.lengths) for length in found.lengths)


def test_an_axis_of_length_zero_costs_nothing_and_a_fixed_one_multiplies() -> None:
    lengths = (Length(0, ()), Length(3, ()), Length(2, ((4, (0, 1)),)), Length(2, ((4, (0, 1)),)))
    algebra = Algebra(lengths, flops=(Product(5.0, (1, 2, 3)), Product(7.0, (0, 2))), params=())
    found = Posynomials.of(algebra, 2)
    assert len(found.lengths) == 1  # the same length twice is one variable
    assert np.exp(found.logs(np.array([2.0, 3.0]))["flops"]) == pytest.approx(5 * 3 * 26**2)
    assert found.logs(np.array([2.0, 3.0]))["params"] == -np.inf


@settings(max_examples=40)
@given(st.data())
def test_at_whole_widths_they_are_the_counts_of_the_algebra(data: st.DataObject) -> None:
    for of in (space(), JOINED):
        widths = [data.draw(st.integers(1, size)) for size in of.sizes]
        logs = Posynomials.of(of.algebra, len(of.groups)).logs(np.array(widths, dtype=np.float64))
        exact = of.algebra.counts(widths)
        assert {name: np.exp(log) for name, log in logs.items()} == pytest.approx(vars(exact))


def test_dense_counts_are_those_of_the_tiny_network() -> None:
    logs = Posynomials.of(space().algebra, 3).logs(np.array(SIZES, dtype=np.float64))
    assert np.exp([logs["flops"], logs["params"]]) == pytest.approx([flops(*SIZES), params(*SIZES)])
