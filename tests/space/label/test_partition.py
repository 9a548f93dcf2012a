import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from sheets import axes as some_axes
from sheets import grids, sheets
from torch import Tensor

from cpruner.space import FIXED, Labels, Plan
from cpruner.space.algebra import Algebra, axis_length
from cpruner.space.label.partition import Partition, partition, stacked
from cpruner.space.label.sheet import Sheet

Axes = dict[tuple[str, int], Tensor]


def two_layers() -> tuple[Sheet, Axes, dict[tuple[str, int], int]]:
    """a (3 outputs) is read by b (3 inputs, 2 outputs)."""
    sheet = Sheet()
    axes = {("a", 0): sheet.fresh(3), ("b", 0): sheet.fresh(2), ("b", 1): sheet.fresh(3)}
    sheet.unite(axes["a", 0], axes["b", 1], "")
    return sheet, axes, {("a", 0): 0, ("b", 0): 1}


def heads_and_dimensions() -> tuple[Sheet, Axes, Tensor, Tensor]:
    """q has 2 heads of 3 rows, k shares both; the heads also occur in a gate of one number per head."""
    sheet = Sheet()
    axes = {("q", 0): sheet.fresh(6), ("k", 0): sheet.fresh(6), ("gate", 0): sheet.fresh(2)}
    rows, columns = sheet.separate(axes["q", 0].reshape(2, 3))
    sheet.unite(axes["q", 0], axes["k", 0], "")
    sheet.unite(rows.flatten(), axes["gate", 0], "")
    return sheet, axes, rows.flatten(), columns.flatten()


def test_tied_labels_are_one_unit_and_units_with_one_footprint_one_group() -> None:
    sheet, axes, producers = two_layers()
    parts = partition(sheet, axes, producers)
    assert parts.sizes == (3, 2)
    assert parts.leaders == (("a", 0), ("b", 0))
    assert parts.labels(axes["a", 0]) == parts.labels(axes["b", 1]) == Labels(((0, 1, 2),))
    assert parts.labels(axes["b", 0]) == Labels(((3, 4),))
    assert parts.labels(torch.tensor([0])) == Labels(((FIXED,),))
    assert parts.units(torch.tensor([[0, 1], [5, 8]])).tolist() == [[FIXED], [0], [4], [2]]


def test_groups_stand_in_the_order_in_which_they_ran() -> None:
    sheet, axes, _ = two_layers()
    parts = partition(sheet, axes, {("a", 0): 1, ("b", 0): 0})
    assert parts.leaders == (("b", 0), ("a", 0))
    assert parts.labels(axes["b", 0]) == Labels(((0, 1),))


def test_without_a_producer_the_first_axis_leads() -> None:
    sheet, axes, _ = two_layers()
    assert partition(sheet, axes, {}).leaders == (("a", 0), ("b", 0))
    assert partition(sheet, axes, {("b", 1): 0}).leaders == (("b", 1), ("b", 0))


def test_a_frozen_label_takes_its_whole_unit_along() -> None:
    sheet, axes, producers = two_layers()
    sheet.freeze(axes["b", 1][1:2], "why")
    parts = partition(sheet, axes, producers)
    assert parts.sizes == (2, 2)
    assert parts.labels(axes["a", 0]) == Labels(((0, FIXED, 1),))
    assert {(f.tensor, f.axis, f.size, f.kept, f.reason) for f in parts.frozen} == {
        ("a", 0, 3, 1, "why"),
        ("b", 1, 3, 1, "why"),
    }


def test_the_first_reason_stands() -> None:
    sheet, axes, producers = two_layers()
    sheet.freeze(axes["a", 0], "first")
    sheet.freeze(axes["b", 1], "second")
    assert {entry.reason for entry in partition(sheet, axes, producers).frozen} == {"first"}


def test_units_that_are_read_by_different_layers_are_different_groups() -> None:
    sheet, axes, producers = two_layers()
    axes["c", 1] = sheet.fresh(2)
    sheet.unite(axes["a", 0][1:], axes["c", 1], "")
    parts = partition(sheet, axes, producers)
    assert parts.sizes == (2, 2)
    assert parts.labels(axes["a", 0]) == Labels(((FIXED, 0, 1),))
    (entry,) = [entry for entry in parts.frozen if entry.tensor == "a"]
    assert entry.reason == "a single channel (axis 0)"


def test_a_unit_may_occupy_an_axis_more_than_once() -> None:
    sheet = Sheet()
    axes = {("a", 0): sheet.fresh(2), ("b", 1): sheet.fresh(4)}
    sheet.unite(axes["a", 0], axes["b", 1][:2], "")
    sheet.unite(axes["a", 0], axes["b", 1][2:], "")
    parts = partition(sheet, axes, {("a", 0): 0})
    assert parts.sizes == (2,)
    assert parts.labels(axes["b", 1]) == Labels(((0, 1, 0, 1),))


def test_an_axis_of_heads_and_dimensions_has_two_factors() -> None:
    sheet, axes, _, _ = heads_and_dimensions()
    parts = partition(sheet, axes, {("q", 0): 0, ("k", 0): 1})
    assert parts.sizes == (2, 3)
    assert parts.leaders == (("q", 0), ("q", 0))
    grid = Labels(((0, 0, 0, 1, 1, 1), (2, 3, 4, 2, 3, 4)))
    assert parts.labels(axes["q", 0]) == parts.labels(axes["k", 0]) == grid
    assert parts.labels(axes["gate", 0]) == Labels(((0, 1),))
    assert parts.frozen == ()


def test_one_frozen_row_freezes_its_head_and_its_dimension_only() -> None:
    """Head 0 and dimension 1 stay, so what is left of the heads is one head, which is not worth a group."""
    sheet, axes, _, _ = heads_and_dimensions()
    sheet.freeze(axes["k", 0][1:2], "why")
    parts = partition(sheet, axes, {})
    assert parts.sizes == (2,)
    assert parts.labels(axes["q", 0]) == Labels(((0, FIXED, 1, 0, FIXED, 1),))
    reasons = {(entry.tensor, entry.kept): entry.reason for entry in parts.frozen}
    assert reasons == {("q", 2): "why", ("k", 2): "why", ("gate", 2): "why"}


def test_frozen_dimensions_leave_the_heads() -> None:
    sheet, axes, _, columns = heads_and_dimensions()
    sheet.freeze(columns, "why")
    parts = partition(sheet, axes, {})
    assert parts.sizes == (2,)
    assert parts.labels(axes["q", 0]) == Labels(((0, 0, 0, 1, 1, 1),))


def test_heads_and_dimensions_that_nothing_tells_apart_stay() -> None:
    """Two heads of two dimensions on one axis only: every unit is two rows of it."""
    sheet = Sheet()
    axes = {("q", 0): sheet.fresh(4)}
    sheet.separate(axes["q", 0].reshape(2, 2))
    parts = partition(sheet, axes, {})
    assert parts.sizes == ()
    (entry,) = parts.frozen
    assert (entry.kept, entry.reason) == (4, "does not form a block with another group of its axis")


def test_ragged_by_hand() -> None:
    """Head 0 has dimensions 0 and 1 here, head 1 only dimension 0; the dimensions come later, so they stay."""
    sheet = Sheet()
    heads, dims = sheet.fresh(2), sheet.fresh(2)
    odd = sheet.conjoin((heads[[0, 0, 1, 1, 0, 1]], dims[[0, 1, 0, 0, 1, 1]]))
    axes = {("h", 0): heads, ("d", 0): dims, ("odd", 0): odd}
    parts = partition(sheet, axes, {("h", 0): 0, ("d", 0): 1})
    assert parts.sizes == (2,)
    assert parts.labels(odd) == Labels(((0, 0, 1, 1, 0, 1),))
    assert parts.labels(dims) == Labels(((FIXED, FIXED),))
    (entry,) = parts.frozen
    assert (entry.tensor, entry.kept) == ("d", 2)
    assert entry.reason == "does not form a block with another group of its axis"


def test_kernel_windows_are_not_worth_a_line() -> None:
    sheet = Sheet()
    axes = {("a", 2): sheet.fresh(3)}
    sheet.freeze(axes["a", 2], "kernel window")
    assert partition(sheet, axes, {}).frozen == ()


def test_nothing_to_prune() -> None:
    parts = partition(Sheet(), {}, {})
    assert (parts.sizes, parts.leaders, parts.frozen) == ((), (), ())


def test_stacked_leaves_out_factors_that_nobody_needs() -> None:
    units_NF = np.array([[4, FIXED, FIXED], [FIXED, FIXED, FIXED], [1, FIXED, 2]])
    assert stacked(units_NF) == Labels(((4, FIXED, 1), (FIXED, FIXED, 2)))
    assert stacked(np.array([[FIXED, FIXED], [FIXED, FIXED]])) == Labels(((FIXED, FIXED),))


def holds(parts: Partition, sheet: Sheet, axes: Axes, seed: int) -> None:
    """Whatever goes, every axis has the length that the polynomial in the widths says, and what is frozen stays."""
    generator = np.random.default_rng(seed)
    names = tuple(f"g{number}" for number in range(len(parts.sizes)))
    vectors = [parts.labels(vector) for vector in axes.values()]
    plan = Plan(names, parts.sizes, tuple(vectors), ())
    kept = [generator.choice(size, generator.integers(1, size + 1), replace=False) for size in parts.sizes]
    alive = np.zeros(int(plan.offsets[-1]) + 1, dtype=bool)
    for offset, channels in zip(plan.offsets, kept, strict=False):
        alive[offset + channels] = True
    alive[FIXED] = True
    widths = np.array([[len(channels) for channels in kept]], dtype=np.int64)
    algebra = Algebra(tuple(axis_length(plan, labels) for labels in vectors), (), ())
    left = [int(alive[labels.units_FN].all(0).sum()) for labels in vectors]
    assert algebra.lengths_of(widths)[0].tolist() == left
    for frozen, _ in sheet.frozen:
        assert (parts.units(frozen) == FIXED).all()
    assert sorted({unit for labels in vectors for unit in labels.units_FN.flatten()} - {FIXED}) == list(
        range(sum(parts.sizes))
    )
    said = {(entry.tensor, entry.axis): entry.kept for entry in parts.frozen}
    for place, labels in zip(axes, vectors, strict=True):
        assert said.get(place, 0) == int((labels.units_FN == FIXED).all(0).sum())


@given(sheets(), some_axes(), st.integers(0, 2**20))
def test_lengths_are_polynomials_in_the_widths(sheet: Sheet, axes: Axes, seed: int) -> None:
    holds(partition(sheet, axes, {}), sheet, axes, seed)


@given(grids(), st.integers(0, 2**20))
def test_lengths_are_polynomials_also_on_grids(grid: tuple[Sheet, Axes], seed: int) -> None:
    holds(partition(*grid, {}), *grid, seed)
