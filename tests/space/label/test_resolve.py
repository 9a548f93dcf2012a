import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from sheets import labels, sheet_of, sheets

from cpruner.space.label.resolve import Resolution, resolve
from cpruner.space.label.sheet import FIXED, Sheet


def units(found: Resolution, label: int) -> tuple[int, ...]:
    return found.units(int(found.component[label]))


def same(found: Resolution, *numbers: int) -> bool:
    return len({int(found.component[number]) for number in numbers}) == 1


def test_an_empty_sheet_has_one_component_that_stays() -> None:
    found = resolve(Sheet())
    assert units(found, FIXED) == ()
    assert found.reason(0) == "fixed"


def test_labels_on_a_chain_of_edges_are_one_unit() -> None:
    sheet = sheet_of(4)
    sheet.unite(labels(1, 2), labels(2, 3), "")
    found = resolve(sheet)
    assert same(found, 1, 2, 3)
    assert units(found, 1) == (found.component[1],)
    assert units(found, 4) == (found.component[4],)
    assert units(found, 1) != units(found, 4)
    assert found.reason(int(found.component[4])) is None


def test_a_defined_label_needs_its_factors_and_is_no_unit() -> None:
    """Four rows of a projection: heads 5 and 6, dimensions 7 and 8."""
    sheet = sheet_of(4)
    rows, columns = sheet.separate(labels(1, 2, 3, 4).reshape(2, 2))
    found = resolve(sheet)
    assert (rows.flatten().tolist(), columns.flatten().tolist()) == ([5, 6], [7, 8])
    for label, head, dim in ((1, 5, 7), (2, 5, 8), (3, 6, 7), (4, 6, 8)):
        assert units(found, label) == tuple(sorted((*units(found, head), *units(found, dim))))
    assert {unit for label in range(9) for unit in units(found, label)} == {
        int(found.component[i]) for i in (5, 6, 7, 8)
    }


def test_definitions_of_definitions_end_at_units() -> None:
    sheet = sheet_of(3)
    inner = sheet.conjoin((labels(1), labels(2)))
    outer = sheet.conjoin((inner, labels(3)))
    found = resolve(sheet)
    assert units(found, int(outer)) == tuple(sorted(int(found.component[i]) for i in (1, 2, 3)))


def test_two_definitions_of_one_label_unite_the_factors_place_by_place() -> None:
    sheet = sheet_of(5)
    sheet.definitions += [(labels(1), (labels(2), labels(3))), (labels(1), (labels(4), labels(5)))]
    found = resolve(sheet)
    assert same(found, 2, 4)
    assert same(found, 3, 5)
    assert not same(found, 2, 3)


def test_two_definitions_conflict_also_where_only_an_edge_makes_them_one_label() -> None:
    """And the conflict can make further labels one, whose definitions conflict in turn."""
    sheet = sheet_of(10)
    sheet.definitions += [(labels(1, 3), (labels(3, 5), labels(9, 6))), (labels(2, 4), (labels(4, 7), labels(9, 8)))]
    sheet.unite(labels(1), labels(2), "")
    found = resolve(sheet)
    assert same(found, 3, 4)
    assert same(found, 5, 7)
    assert same(found, 6, 8)
    assert not same(found, 5, 6)


def test_a_label_with_definitions_of_different_width_has_one_factor() -> None:
    sheet = sheet_of(6)
    sheet.definitions += [(labels(1), (labels(2), labels(3))), (labels(1), (labels(4), labels(5), labels(6)))]
    found = resolve(sheet)
    assert same(found, 2, 3, 4, 5, 6)
    assert units(found, 1) == (int(found.component[2]),)


def test_labels_that_follow_from_each_other_become_one_with_all_they_follow_from() -> None:
    sheet = sheet_of(5)
    sheet.definitions += [(labels(1), (labels(2), labels(3))), (labels(2), (labels(1), labels(4)))]
    found = resolve(sheet)
    assert same(found, 1, 2, 3, 4)
    assert units(found, 1) == (int(found.component[1]),)
    assert not same(found, 1, 5)


def test_a_label_that_is_its_own_factor_is_one_with_the_other_factor() -> None:
    sheet = sheet_of(2)
    sheet.definitions.append((labels(1), (labels(1), labels(2))))
    assert same(resolve(sheet), 1, 2)


def test_a_label_that_stays_keeps_its_factors_and_theirs() -> None:
    sheet = sheet_of(3)
    inner = sheet.conjoin((labels(1), labels(2)))
    outer = sheet.conjoin((inner, labels(3)))
    sheet.freeze(outer.reshape(1), "why")
    found = resolve(sheet)
    for label in (int(outer), int(inner), 1, 2, 3):
        assert units(found, label) == ()
        assert found.reason(int(found.component[label])) == "why"


def test_a_factor_that_stays_leaves_the_others_free() -> None:
    sheet = sheet_of(4)
    (heads, dims) = sheet.separate(labels(1, 2, 3, 4).reshape(2, 2))
    sheet.freeze(dims, "why")
    found = resolve(sheet)
    assert units(found, 1) == units(found, 2) == (int(found.component[heads[0, 0]]),)
    assert found.reason(int(found.component[1])) is None


def test_a_label_of_which_every_factor_stays_has_the_reason_of_a_factor() -> None:
    sheet = sheet_of(2)
    both = sheet.conjoin((labels(1), labels(2)))
    sheet.freeze(labels(1), "first")
    sheet.freeze(labels(2), "second")
    found = resolve(sheet)
    assert units(found, int(both)) == ()
    assert found.reason(int(found.component[both])) == "first"


def test_places_of_fixed_size_keep_their_factors() -> None:
    """Channels 0 and 1 of a grid of heads and dimensions are fixed, so head 0 and both dimensions are."""
    sheet = sheet_of(2)
    heads, dims = sheet.separate(labels(FIXED, FIXED, 1, 2).reshape(2, 2))
    found = resolve(sheet)
    assert units(found, int(heads[0, 0])) == units(found, int(dims[0, 0])) == units(found, int(dims[0, 1])) == ()
    assert found.reason(int(found.component[heads[0, 0]])) == "fixed"
    assert units(found, 1) == units(found, 2) == (int(found.component[heads[1, 0]]),)


def test_the_first_reason_of_a_component_stands() -> None:
    sheet = sheet_of(2)
    sheet.unite(labels(1), labels(2), "")
    sheet.freeze(labels(2), "first")
    sheet.freeze(labels(1), "second")
    found = resolve(sheet)
    assert found.reason(int(found.component[1])) == "first"


def test_the_units_of_all_components_as_a_table() -> None:
    """Components in the order of their first label: FIXED, four rows, two heads, two dimensions."""
    sheet = sheet_of(4)
    rows, _ = sheet.separate(labels(1, 2, 3, 4).reshape(2, 2))
    sheet.freeze(rows[1], "why")
    found = resolve(sheet)
    assert found.component.tolist() == list(range(9))
    stays = [-1, -1]
    assert found.table_CF.tolist() == [stays, [5, 7], [5, 8], [7, -1], [8, -1], [5, -1], stays, [7, -1], [8, -1]]
    assert found.of(labels(1, 3)) == {5, 7}
    assert found.of(labels(0, 6)) == set()


def test_a_table_without_definitions_has_one_column() -> None:
    assert resolve(sheet_of(2)).table_CF.tolist() == [[-1], [1], [2]]


def test_freezing_more_units_changes_what_needs_them() -> None:
    sheet = sheet_of(4)
    sheet.separate(labels(1, 2, 3, 4).reshape(2, 2))
    found = resolve(sheet)
    frozen = found.freeze({7: "later", 0: "another reason"})
    assert (found.of(labels(1)), frozen.of(labels(1))) == ({5, 7}, {5})
    assert (frozen.reason(7), frozen.reason(0), found.reason(7)) == ("later", "fixed", None)
    assert frozen.table_CF[1].tolist() == [5, -1]


@given(sheets(), st.integers(0, 2**20))
def test_whatever_units_go_edges_freezes_and_definitions_hold(sheet: Sheet, seed: int) -> None:
    found = resolve(sheet)
    every = sorted({unit for label in range(sheet.count) for unit in units(found, label)})
    gone = {unit for unit in every if np.random.default_rng(seed + unit).random() < 0.4}
    stays = [not gone & set(units(found, label)) for label in range(sheet.count)]
    assert stays[FIXED]
    for component, row in enumerate(found.table_CF.tolist()):
        assert sorted({*row} - {-1}) == list(found.units(component))
    for edge in sheet.edges:
        assert all(stays[left] == stays[right] for left, right in edge.T.tolist())
    for frozen, _ in sheet.frozen:
        assert all(stays[label] for label in frozen.tolist())
    for own, factors in sheet.definitions:
        for place, label in enumerate(own.tolist()):
            assert stays[label] == all(stays[int(factor[place])] for factor in factors)
    for label in range(sheet.count):
        assert (found.reason(int(found.component[label])) is None) == bool(units(found, label))
