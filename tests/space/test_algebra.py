import numpy as np
import pytest

from cpruner.space import FIXED, Algebra, Counts, Plan, trace
from cpruner.space.algebra import Product, axis_lengths
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


def test_counts_by_hand() -> None:
    """Axis 0 is 1 + 2 a, axis 1 is b: FLOPs 10 (1 + 2 a) b + 7, parameters 3 b."""
    algebra = Algebra(
        fixed_X=np.array([1, 0]),
        multiplicity_XG=np.array([[2, 0], [0, 1]]),
        flops=(Product(10.0, (0, 1)), Product(7.0, ())),
        params=(Product(3.0, (1,)),),
    )
    assert algebra.counts((2, 4)) == Counts(flops=207.0, macs=103.5, params=12.0)
    many = algebra.count(np.array([[2, 4], [0, 1]]))
    assert many["flops"].tolist() == [207.0, 17.0]
    assert many["params"].tolist() == [12.0, 3.0]


def test_axis_lengths_count_fixed_and_repeated_indices() -> None:
    plan = Plan(("a", "b"), (2, 3), (), (), ())
    fixed, multiplicity = axis_lengths(plan, [(0, 0, 1, 1, FIXED), (2, 3, 4), (0, 1, 2, 3, 4)])
    assert fixed.tolist() == [1, 0, 0]
    assert multiplicity.tolist() == [[2, 0], [0, 1], [1, 1]]


def test_axis_lengths_without_groups() -> None:
    fixed, multiplicity = axis_lengths(Plan((), (), (), (), ()), [(FIXED, FIXED)])
    assert fixed.tolist() == [2]
    assert multiplicity.shape == (1, 0)


def test_the_chain_by_hand() -> None:
    """conv 3 -> w on 2 images of 6 x 6 outputs, 3 x 3 taps; linear 36 w -> 5; biases and batch norm."""
    space = trace(NET["flatten"].build(), NET["flatten"].inputs())
    for width in (1, 4, 6):
        counts = space.algebra.counts((width,))
        assert counts.macs == 2 * 36 * 9 * 3 * width + 2 * 36 * width * 5
        assert counts.params == (27 * width + width) + 2 * width + 36 * width * 5 + 5


def test_many_candidates_at_once_equal_one_by_one() -> None:
    space = trace(NET["dense block"].build(), NET["dense block"].inputs())
    widths = np.random.default_rng(0).integers(1, np.array(space.sizes) + 1, (20, len(space.sizes)))
    many = space.algebra.count(widths)
    for row, width in enumerate(widths):
        one = space.algebra.counts(width.tolist())
        assert (many["flops"][row], many["macs"][row], many["params"][row]) == (one.flops, one.macs, one.params)


@pytest.mark.parametrize("net", NETS, ids=lambda net: net.name)
def test_costs_rise_with_every_width(net) -> None:
    space = trace(net.build(), net.inputs())
    for group, size in enumerate(space.sizes):
        widths = np.tile(space.sizes, (size, 1))
        widths[:, group] = np.arange(1, size + 1)
        counts = space.algebra.count(widths)
        assert (np.diff(counts["params"]) > 0).all()
        assert (np.diff(counts["flops"]) > 0).all()
