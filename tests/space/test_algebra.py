import numpy as np
import pytest
import torch
from few import few
from hypothesis import given
from hypothesis import strategies as st
from invariants import run
from stating import Chunked, Packed, between, seeded, tokens
from thorough import arbitrary
from torch.utils.flop_counter import FlopCounterMode

from cpruner.candidate import materialise
from cpruner.space import FIXED, Algebra, Counts, Labels, Plan, PruningSpace, trace, untouched
from cpruner.space.algebra import Length, Product, axis_length
from cpruner.testing.nets import NETS

NET = {net.name: net for net in NETS}


def extents(length: Length, width_NG: list[list[int]]) -> list[float]:
    """Of one axis, at several choices of widths."""
    return Algebra((length,), (), ()).lengths_of(np.array(width_NG))[:, 0].tolist()


def test_counts_by_hand() -> None:
    """Axis 0 is 1 + 2 a, axis 1 is b: FLOPs 10 (1 + 2 a) b + 7, parameters 3 b."""
    algebra = Algebra(
        lengths=(Length(1, ((2, (0,)),)), Length(0, ((1, (1,)),))),
        flops=(Product(10.0, (0, 1)), Product(7.0, ())),
        params=(Product(3.0, (1,)),),
    )
    assert algebra.counts((2, 4)) == Counts(flops=207.0, macs=103.5, params=12.0)
    many = algebra.count(np.array([[2, 4], [0, 1]]))
    assert many["flops"].tolist() == [207.0, 17.0]
    assert many["params"].tolist() == [12.0, 3.0]


def test_a_network_of_which_nothing_goes_has_constant_counts() -> None:
    algebra = Algebra(lengths=(), flops=(Product(8.0, ()),), params=(Product(3.0, ()), Product(2.0, ())))
    assert algebra.counts(()) == Counts(flops=8.0, macs=4.0, params=5.0)
    assert Algebra((Length(5, ()),), (Product(2.0, (0,)),), ()).counts(()) == Counts(10.0, 5.0, 0.0)


def test_a_length_of_heads_times_dimensions() -> None:
    """Two fixed indices, every head twice, and 3 h d."""
    length = Length(2, ((2, (0,)), (3, (0, 1))))
    assert extents(length, [[1, 1], [2, 4], [0, 9]]) == [2 + 2 + 3, 2 + 4 + 24, 2]


def test_a_length_without_some_groups_has_them_at_full_size() -> None:
    length = Length(2, ((2, (0,)), (3, (0, 1)), (1, (2,))))
    assert length.without({0: 4}, {1: 0, 2: 1}) == Length(2 + 8, ((12, (0,)), (1, (1,))))
    assert length.without({0: 4, 1: 5, 2: 6}, {}) == Length(2 + 8 + 60 + 6, ())
    assert length.without({}, {0: 2, 1: 1, 2: 0}) == Length(2, ((2, (2,)), (3, (2, 1)), (1, (0,))))


def test_axis_length_counts_fixed_and_repeated_indices() -> None:
    plan = Plan(("a", "b"), (2, 3), (), ())
    assert axis_length(plan, Labels(((0, 0, 1, 1, FIXED),))) == Length(1, ((2, (0,)),))
    assert axis_length(plan, Labels(((2, 3, 4),))) == Length(0, ((1, (1,)),))
    assert axis_length(plan, Labels(((0, 1, 2, 3, 4),))) == Length(0, ((1, (0,)), (1, (1,))))
    assert axis_length(plan, Labels(((FIXED, FIXED),))) == Length(2, ())


def test_axis_length_of_two_factors() -> None:
    """Two heads of three dimensions, each element once; then twice, beside one that needs its head only."""
    plan = Plan(("heads", "dims"), (2, 3), (), ())
    grid = ((0, 0, 0, 1, 1, 1), (2, 3, 4, 2, 3, 4))
    assert axis_length(plan, Labels(grid)) == Length(0, ((1, (0, 1)),))
    assert axis_length(plan, Labels((grid[0] * 2, grid[1] * 2))) == Length(0, ((2, (0, 1)),))
    mixed = Labels(((*grid[0], 0, 1, FIXED), (*grid[1], FIXED, FIXED, FIXED)))
    assert axis_length(plan, mixed) == Length(1, ((1, (0, 1)), (1, (0,))))


@given(st.integers(2, 3), st.integers(2, 4), st.integers(1, 2), st.data())
def test_the_length_is_what_is_left(heads: int, dims: int, copies: int, data: st.DataObject) -> None:
    plan = Plan(("heads", "dims"), (heads, dims), (), ())
    rows = tuple(h for h in range(heads) for _ in range(dims)) * copies
    columns = tuple(heads + d for _ in range(heads) for d in range(dims)) * copies
    kept = [data.draw(st.sets(st.integers(0, size - 1), min_size=1)) for size in plan.sizes]
    alive = {*kept[0], *(heads + d for d in kept[1])}
    left = sum(row in alive and column in alive for row, column in zip(rows, columns, strict=True))
    widths = [[len(group) for group in kept]]
    assert extents(axis_length(plan, Labels((rows, columns))), widths) == [left]


def test_the_chain_by_hand() -> None:
    """conv 3 -> w on 2 images of 6 x 6 outputs, 3 x 3 taps; linear 36 w -> 5; biases and batch norm."""
    space = trace(NET["flatten"].build(), NET["flatten"].inputs())
    for width in (1, 4, 6):
        counts = space.algebra.counts((width,))
        assert counts.macs == 2 * 36 * 9 * 3 * width + 2 * 36 * width * 5
        assert counts.params == (27 * width + width) + 2 * width + 36 * width * 5 + 5


@pytest.mark.parametrize("inner", [Packed, Chunked])
def test_attention_by_hand(inner: type[torch.nn.Module]) -> None:
    """(2, 4) tokens of e features, h heads, d dimensions of queries and keys, v of values, o features out."""
    space = trace(seeded(lambda: between(inner())), tokens())
    for e, h, d, v, o in ((8, 2, 4, 4, 8), (3, 1, 4, 2, 5), (8, 2, 1, 3, 1)):
        counts = space.algebra.counts((e, h, d, v, o))
        rows = h * (2 * d + v)
        products = 2 * h * 4 * 4 * (d + v)
        assert counts.macs == 8 * (5 * e + e * rows + h * v * o + o * 3) + products
        assert counts.params == 5 * e + e + (e + 1) * rows + (h * v + 1) * o + 3 * o + 3


@pytest.fixture(scope="module", params=[Packed, Chunked])
def attention(request: pytest.FixtureRequest) -> tuple[torch.nn.Module, PruningSpace]:
    model = seeded(lambda: between(request.param(heads=4, dim=3)))
    return model, trace(model, tokens())


@pytest.mark.parametrize("seed", range(6))
def test_predicted_counts_are_the_counts_of_the_smaller_network(
    attention: tuple[torch.nn.Module, PruningSpace], seed: int
) -> None:
    model, space = attention
    candidate = arbitrary(space, np.random.default_rng(seed))
    small = materialise(model, candidate)
    with untouched(small), FlopCounterMode(display=False) as counter:
        run(small, (tokens(),))
    assert space.count(candidate).flops == counter.get_total_flops()
    assert space.count(candidate).params == sum(parameter.numel() for parameter in small.parameters())


def test_many_candidates_at_once_equal_one_by_one(attention: tuple[torch.nn.Module, PruningSpace]) -> None:
    for space in (trace(NET["dense block"].build(), NET["dense block"].inputs()), attention[1]):
        widths = np.random.default_rng(0).integers(1, np.array(space.sizes) + 1, (20, len(space.sizes)))
        many = space.algebra.count(widths)
        for row, width in enumerate(widths):
            one = space.algebra.counts(width.tolist())
            assert (many["flops"][row], many["macs"][row], many["params"][row]) == (one.flops, one.macs, one.params)


@pytest.mark.parametrize("net", few(NETS))
def test_costs_rise_with_every_width(net) -> None:
    space = trace(net.build(), net.inputs())
    for group, size in enumerate(space.sizes):
        widths = np.tile(space.sizes, (size, 1))
        widths[:, group] = np.arange(1, size + 1)
        counts = space.algebra.count(widths)
        assert (np.diff(counts["params"]) > 0).all()
        assert (np.diff(counts["flops"]) > 0).all()
