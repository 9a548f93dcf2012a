import torch

from cpruner.space import FIXED
from cpruner.space.partition import partition
from cpruner.space.sheet import Sheet


def two_layers() -> tuple[Sheet, dict, dict]:
    """a (3 outputs) is read by b (3 inputs, 2 outputs)."""
    sheet = Sheet()
    axes = {("a", 0): sheet.fresh(3), ("b", 0): sheet.fresh(2), ("b", 1): sheet.fresh(3)}
    sheet.unite(axes["a", 0], axes["b", 1], "")
    return sheet, axes, {("a", 0): 0, ("b", 0): 1}


def test_tied_labels_are_one_unit_and_units_with_one_footprint_one_group() -> None:
    sheet, axes, producers = two_layers()
    parts = partition(sheet, axes, producers)
    assert parts.sizes == (3, 2)
    assert parts.leaders == (("a", 0), ("b", 0))
    assert parts.units(axes["a", 0]) == parts.units(axes["b", 1]) == (0, 1, 2)
    assert parts.units(axes["b", 0]) == (3, 4)
    assert parts.units(torch.tensor([0])) == (FIXED,)


def test_groups_stand_in_the_order_in_which_they_ran() -> None:
    sheet, axes, _ = two_layers()
    parts = partition(sheet, axes, {("a", 0): 1, ("b", 0): 0})
    assert parts.leaders == (("b", 0), ("a", 0))
    assert parts.units(axes["b", 0]) == (0, 1)


def test_a_frozen_label_takes_its_whole_unit_along() -> None:
    sheet, axes, producers = two_layers()
    sheet.freeze(axes["b", 1][1:2], "why")
    parts = partition(sheet, axes, producers)
    assert parts.sizes == (2, 2)
    assert parts.units(axes["a", 0]) == (0, FIXED, 1)
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
    assert parts.units(axes["a", 0]) == (FIXED, 0, 1)
    (entry,) = [entry for entry in parts.frozen if entry.tensor == "a"]
    assert entry.reason == "a single channel (axis 0)"


def test_a_unit_may_occupy_an_axis_more_than_once() -> None:
    sheet = Sheet()
    axes = {("a", 0): sheet.fresh(2), ("b", 1): sheet.fresh(4)}
    sheet.unite(axes["a", 0], axes["b", 1][:2], "")
    sheet.unite(axes["a", 0], axes["b", 1][2:], "")
    parts = partition(sheet, axes, {("a", 0): 0})
    assert parts.sizes == (2,)
    assert parts.units(axes["b", 1]) == (0, 1, 0, 1)


def test_kernel_windows_are_not_worth_a_line() -> None:
    sheet = Sheet()
    axes = {("a", 2): sheet.fresh(3)}
    sheet.freeze(axes["a", 2], "kernel window")
    assert partition(sheet, axes, {}).frozen == ()


def test_nothing_to_prune() -> None:
    parts = partition(Sheet(), {}, {})
    assert (parts.sizes, parts.leaders, parts.frozen) == ((), (), ())
