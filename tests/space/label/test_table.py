import pytest

from cpruner.candidate import Labels
from cpruner.space.label.table import Table


def test_every_distinct_vector_has_one_number() -> None:
    table = Table()
    one, other = Labels(((0, 1),)), Labels(((0, 1), (2, 2)))
    assert [table.number(labels) for labels in (one, other, one, Labels(((0, 1),)))] == [0, 1, 0, 0]
    assert table.entries == [one, other]


def test_order_and_factors_tell_vectors_apart() -> None:
    table = Table()
    vectors = [Labels(((0, 1),)), Labels(((1, 0),)), Labels(((0,), (1,))), Labels(((1,), (0,))), Labels(((),))]
    assert [table.number(labels) for labels in vectors] == [0, 1, 2, 3, 4]


def test_tables_share_nothing() -> None:
    Table().number(Labels(((0,),)))
    assert Table().entries == []


@pytest.mark.parametrize("count", [0, 3])
def test_entries_are_in_the_order_of_their_numbers(count: int) -> None:
    table = Table()
    numbers = [table.number(Labels(((place,),))) for place in range(count)]
    assert [table.entries[number] for number in numbers] == [Labels(((place,),)) for place in range(count)]
