import torch

from cpruner.space.label.sheet import FIXED, Sheet, along, compact, plane_of, support


def test_labels_are_handed_out_once_and_never_fixed() -> None:
    sheet = Sheet()
    first, second = sheet.fresh(3), sheet.fresh(2)
    assert first.tolist() == [1, 2, 3]
    assert second.tolist() == [4, 5]
    assert FIXED not in torch.cat([first, second])


def test_along_puts_labels_on_one_axis() -> None:
    plane = along(torch.tensor([7, 8, 9]), 1, 4)
    assert plane.shape == (1, 3, 1, 1)
    assert support(plane) == {1}


def test_compact_drops_axes_without_variation() -> None:
    plane = torch.tensor([[1, 2], [1, 2], [1, 2]])[:, :, None].expand(3, 2, 5)
    assert compact(plane).tolist() == [[[1], [2]]]


def test_compact_keeps_axes_that_vary_together() -> None:
    plane = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(compact(plane), plane)
    assert support(plane) == {0, 1}


def test_plane_of_one_axis() -> None:
    rows, columns = along(torch.arange(1, 4), 0, 2), along(torch.arange(4, 6), 1, 2)
    assert plane_of((rows, columns), 1).tolist() == [4, 5]
    assert plane_of((rows,), 1) is None


def test_plane_of_entangled_axes_is_none() -> None:
    assert plane_of((torch.tensor([[1, 2], [3, 4]]),), 1) is None


def test_unite_notes_an_edge_per_element() -> None:
    sheet = Sheet()
    left, right = sheet.fresh(2), sheet.fresh(2)
    assert torch.equal(sheet.unite(left, right, "why"), left)
    assert sheet.edges[0].tolist() == [[1, 2], [3, 4]]
    assert sheet.frozen == []


def test_unite_with_fixed_freezes_the_partner_and_says_why() -> None:
    sheet = Sheet()
    left, right = sheet.fresh(2), torch.tensor([FIXED, 9])
    assert sheet.unite(left, right, "why").tolist() == [FIXED, 2]
    ((labels, reason),) = sheet.frozen
    assert (labels.tolist(), reason) == ([1], "why")


def test_unite_broadcasts_a_single_label() -> None:
    sheet = Sheet()
    labels = sheet.fresh(3)
    sheet.unite(labels[:1], labels, "why")
    assert sheet.edges[0].tolist() == [[1, 1, 1], [1, 2, 3]]


def test_freezing_fixed_labels_notes_nothing() -> None:
    sheet = Sheet()
    sheet.freeze(torch.tensor([FIXED, FIXED]), "why")
    assert sheet.frozen == []


def test_labels_known_to_stay_are_fixed_in_planes_made_later() -> None:
    sheet = Sheet()
    labels = sheet.fresh(3)
    plane = along(labels, 1, 2)
    assert sheet.living(plane) is plane
    sheet.freeze(labels[1:2], "why")
    assert sheet.living(plane).tolist() == [[1, FIXED, 3]]
    later = sheet.fresh(2)
    assert sheet.living(later) is later
    sheet.freeze(later, "why")
    assert sheet.living(torch.cat([labels, later])).tolist() == [1, FIXED, 3, FIXED, FIXED]


def test_conjoin_hands_out_labels_that_follow_from_both() -> None:
    sheet = Sheet()
    heads, dims = along(sheet.fresh(2), 0, 2), along(sheet.fresh(3), 1, 2)
    both = sheet.conjoin((heads, dims))
    assert both.tolist() == [[6, 7, 8], [9, 10, 11]]
    ((labels, factors),) = sheet.definitions
    assert labels.tolist() == [6, 7, 8, 9, 10, 11]
    assert [factor.tolist() for factor in factors] == [[1, 1, 1, 2, 2, 2], [3, 4, 5, 3, 4, 5]]


def test_separate_hands_out_labels_for_rows_and_columns() -> None:
    sheet = Sheet()
    plane = sheet.fresh(6).reshape(2, 1, 3)
    rows, columns = sheet.separate(plane)
    assert (rows.shape, columns.shape) == ((2, 1, 1), (1, 1, 3))
    assert (rows.flatten().tolist(), columns.flatten().tolist()) == ([7, 8], [9, 10, 11])
    ((labels, factors),) = sheet.definitions
    assert labels.tolist() == [1, 2, 3, 4, 5, 6]
    assert [factor.tolist() for factor in factors] == [[7, 7, 7, 8, 8, 8], [9, 10, 11, 9, 10, 11]]


def test_separate_gives_places_with_the_same_labels_the_same_label() -> None:
    """Two images times two heads on one axis: head 1 of both images is one."""
    sheet = Sheet()
    plane = sheet.fresh(6).reshape(2, 3).flip(0).repeat(2, 1)
    rows, columns = sheet.separate(plane)
    assert rows.flatten().tolist() == [7, 8, 7, 8]
    assert columns.flatten().tolist() == [9, 10, 11]
    assert compact(rows.reshape(2, 2, 1)).flatten().tolist() == [7, 8]


def test_separate_takes_a_plane_over_three_axes_apart() -> None:
    sheet = Sheet()
    parts = sheet.separate(sheet.fresh(8).reshape(2, 2, 2))
    assert [support(part) for part in parts] == [{0}, {1}, {2}]
    assert sheet.definitions[0][1][1].tolist() == parts[1].expand(2, 2, 2).flatten().tolist()


def test_pinned_labels_stay_in_their_plane_and_defined_ones_are_known() -> None:
    sheet = Sheet()
    heads, dims = along(sheet.fresh(2), 0, 2), along(sheet.fresh(3), 1, 2)
    sheet.pin(heads[:1], "why")
    assert [(labels.tolist(), reason) for labels, reason in sheet.frozen] == [([1], "why")]
    assert torch.equal(sheet.living(heads), heads)
    assert not sheet.defined(heads)
    assert sheet.defined(sheet.conjoin((heads, dims)))
    assert not sheet.defined(dims)
