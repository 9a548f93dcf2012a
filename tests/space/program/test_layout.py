import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.candidate import FIXED, Labels
from cpruner.space.label.partition import partition
from cpruner.space.label.sheet import Sheet, along
from cpruner.space.program.layout import Layout, moved, positions, restricted
from cpruner.space.run.record import Value


def layout_of(sheet: Sheet, **axes: Tensor) -> Layout:
    """The layout when these vectors are axes of parameters, in that order."""
    places = {(name, 0): vector for name, vector in axes.items()}
    return Layout(partition(sheet, places, {place: number for number, place in enumerate(places)}))


def needs(found: dict[int, Labels] | None) -> dict[int, list[set[int]]] | None:
    """Units that every index of every axis needs."""
    if found is None:
        return None
    return {axis: [{*column} - {FIXED} for column in labels.units_FN.T.tolist()] for axis, labels in found.items()}


def grid() -> tuple[Sheet, Tensor, Layout]:
    """Labels of 2 heads of 3 dimensions as a plane of shape (2, 3): units 0 and 1, and 2, 3 and 4."""
    sheet = Sheet()
    heads, dims = sheet.fresh(2), sheet.fresh(3)
    plane = sheet.conjoin((heads[:, None], dims[None]))
    return sheet, plane, layout_of(sheet, h=heads, d=dims)


def test_one_plane_per_axis() -> None:
    sheet = Sheet()
    rows, columns = sheet.fresh(2), sheet.fresh(3)
    layout = layout_of(sheet, rows=rows, columns=columns)
    value = Value((2, 5, 3), planes=(along(rows, 0, 3), along(columns, 2, 3)))
    assert layout.of(value) == {0: Labels(((0, 1),)), 2: Labels(((2, 3, 4),))}
    assert layout.live(value)
    assert layout.labels(rows) == Labels(((0, 1),))


def test_a_tensor_without_labels_is_a_block_of_which_nothing_goes() -> None:
    layout = layout_of(Sheet())
    assert layout.of(Value((2, 3))) == {}
    assert not layout.live(Value((2, 3)))


def test_an_axis_of_which_everything_stays_is_not_mentioned() -> None:
    sheet = Sheet()
    rows, columns = sheet.fresh(2), sheet.fresh(3)
    sheet.freeze(rows, "why")
    layout = layout_of(sheet, rows=rows, columns=columns)
    assert layout.of_planes((along(rows, 0, 2), along(columns, 1, 2))) == {1: Labels(((0, 1, 2),))}
    assert layout.of_planes((along(rows, 0, 2),)) == {}


def test_heads_times_dimensions_are_a_block() -> None:
    _, plane, layout = grid()
    assert needs(layout.of_planes((plane,))) == {0: [{0}, {1}], 1: [{2}, {3}, {4}]}


def test_heads_and_dimensions_on_one_axis_are_two_factors() -> None:
    _, plane, layout = grid()
    assert layout.of_planes((plane.flatten(),)) == {0: Labels(((0, 0, 0, 1, 1, 1), (2, 3, 4, 2, 3, 4)))}


def test_free_channels_side_by_side_are_no_block() -> None:
    """A shuffle half way: (2, 2) channels of which any can go."""
    sheet = Sheet()
    channels = sheet.fresh(4)
    layout = layout_of(sheet, a=channels)
    value = Value((2, 2), planes=(channels.reshape(2, 2),))
    assert layout.of(value) is None
    assert layout.live(value)
    assert layout.of_planes((along(channels, 0, 2), channels.reshape(2, 2))) is None


def test_queries_and_values_of_other_dimensions_are_no_block() -> None:
    """(2, 3): the row of queries has dimensions 0, 1 and 2, the row of values 3, 4 and 5."""
    sheet = Sheet()
    dims = sheet.fresh(6)
    assert layout_of(sheet, q=dims[:3], v=dims[3:]).of_planes((dims.reshape(2, 3),)) is None


def test_a_grid_with_one_place_that_always_stays_is_a_block_only_where_its_row_and_column_stay() -> None:
    sheet, plane, _ = grid()
    sheet.freeze(plane[0, 0].reshape(1), "why")
    layout = layout_of(sheet, h=torch.tensor([1, 2]), d=torch.tensor([3, 4, 5]))
    assert needs(layout.of_planes((plane,))) == {1: [set(), {0}, {1}]}
    holed = plane.clone()
    holed[1, 2] = 0
    assert layout.of_planes((holed,)) is None


def test_a_plane_of_which_nothing_goes_is_a_block_however_many_axes_it_has() -> None:
    sheet = Sheet()
    channels = sheet.fresh(4)
    sheet.freeze(channels, "why")
    assert layout_of(sheet, a=channels).of_planes((channels.reshape(2, 2),)) == {}


def test_answers_are_remembered_by_the_value_itself() -> None:
    _, plane, layout = grid()
    value = Value((2, 3), planes=(plane,))
    first = layout.of(value)
    value.planes = ()
    assert layout.of(value) is first
    assert layout.of(Value((2, 3), planes=())) == {}


def test_restricted_selects_along_the_axes_a_plane_varies_along() -> None:
    _, plane, _ = grid()
    needed = [torch.tensor([False, True]), torch.tensor([True, False, True])]
    (kept,) = restricted((plane,), needed)
    assert kept.tolist() == plane[1:, [0, 2]].tolist()
    (row,) = restricted((along(torch.tensor([7, 8, 9]), 1, 2),), needed)
    assert row.tolist() == [[7, 9]]


def test_positions_count_along_one_axis() -> None:
    assert positions(1, (2, 3)).tolist() == [[0, 1, 2]]
    assert positions(0, (2, 3)).tolist() == [[0], [1]]


def test_moved_runs_an_op_on_the_whole_plane() -> None:
    plane = positions(0, (2, 3))
    assert moved(plane, (2, 3), lambda t: t.flatten()).tolist() == [0, 0, 0, 1, 1, 1]
    assert moved(plane, (2, 3), lambda t: t.view(3, 2)).tolist() == [[0, 0], [0, 1], [1, 1]]


unit = st.integers(0, 5)


@given(st.tuples(unit, unit), st.tuples(unit, unit), st.none() | st.tuples(unit, unit), st.integers(0, 2**6 - 1))
def test_a_block_keeps_rows_times_columns_whatever_goes(
    rows: tuple[int, int], columns: tuple[int, int], odd: tuple[int, int] | None, chosen: int
) -> None:
    """Two by two places that need the unit of their row and of their column; the last may need other units."""
    sheet = Sheet()
    units = sheet.fresh(6)
    pairs = sheet.conjoin((units[:, None], units[None]))
    plane = pairs[list(rows)][:, list(columns)].clone()
    if odd is not None:
        plane[1, 1] = pairs[odd]
    layout = layout_of(sheet, u=units)
    cells = [[{rows[i], columns[j]} if odd is None or (i, j) != (1, 1) else set(odd) for j in (0, 1)] for i in (0, 1)]
    stays = torch.tensor([[not any(chosen >> u & 1 for u in cell) for cell in row] for row in cells])
    found = layout.of_planes((plane,))
    if odd is None:
        assert found is not None
    if found is not None:
        alive = [
            torch.tensor([not any(chosen >> row[i] & 1 for row in found[axis].factors if row[i] >= 0) for i in (0, 1)])
            if axis in found
            else torch.tensor([True, True])
            for axis in (0, 1)
        ]
        assert torch.equal(alive[0][:, None] & alive[1][None], stays)
    else:
        assert breaks(cells)


def breaks(cells: list[list[set[int]]]) -> bool:
    """Whether some choice of units keeps no block of two by two places."""
    for choice in range(2**6):
        stays = torch.tensor([[not any(choice >> u & 1 for u in cell) for cell in row] for row in cells])
        if not torch.equal(stays.any(1)[:, None] & stays.any(0)[None], stays):
            return True
    return False
