from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.candidate.form import name, refuse, whole, wholes, word
from cpruner.errors import ArtefactError

ANYTHING = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.integers()))


def test_a_refusal_says_what_was_expected_and_shortens_what_came() -> None:
    with pytest.raises(ArtefactError, match=r"candidate: expected a number, got 'x{199}\. Use an undamaged copy\.$"):
        refuse("a number", "x" * 1000)


@pytest.mark.parametrize("value", ["", "a b", "\x00", "__import__"])
def test_words_are_any_strings(value: str) -> None:
    assert word(value, "it") == value


@pytest.mark.parametrize("value", [None, 1, b"a", ("a",), {}])
def test_what_is_no_string_is_no_word(value: Any) -> None:
    with pytest.raises(ArtefactError, match="expected it to be a string"):
        word(value, "it")


@pytest.mark.parametrize("value", ["a", "_a1", "weight", "é"])
def test_names(value: str) -> None:
    assert name(value, "it") == value


@pytest.mark.parametrize("value", ["", "1a", "a.b", "a b", "a=1", "a\n", None, 1])
def test_what_is_no_name(value: Any) -> None:
    with pytest.raises(ArtefactError, match="expected it to be a name"):
        name(value, "it")


@given(st.integers(0, 2**70))
def test_whole_numbers(value: int) -> None:
    assert whole(value, "it") == value
    assert whole(value, "it", value + 1) == value
    with pytest.raises(ArtefactError, match=f"below {value}, got {value}"):
        whole(value, "it", value)


@pytest.mark.parametrize("value", [-1, 1.0, True, "1", None, [1]])
def test_what_is_no_whole_number(value: Any) -> None:
    """True would be 1 in a list and True in a text."""
    with pytest.raises(ArtefactError, match="a whole number"):
        whole(value, "it")


def test_sequences_of_whole_numbers() -> None:
    wholes([(-1, 0), (2,)], "it", -1, 3)
    wholes([(), ()], "it", 0, 0)


@pytest.mark.parametrize("parts", [[(-2, 0)], [(0,), (3,)], [(0, 1.0)], [(True,)], [("1",)], [(None,)], [((1,),)]])
def test_one_wrong_number_in_a_sequence_is_found(parts: Any) -> None:
    with pytest.raises(ArtefactError, match=r"it to be whole numbers in \[-1, 3\)"):
        wholes(parts, "it", -1, 3)


@given(ANYTHING)
def test_every_value_is_taken_or_refused(value: Any) -> None:
    """Nothing else is ever raised."""
    taken = []
    for check in (word, name, whole):
        try:
            check(value, "it")
            taken.append(check)
        except ArtefactError:
            pass
    kinds = {word: type(value) is str, whole: type(value) is int and value >= 0}
    kinds[name] = kinds[word] and value.isidentifier()
    assert set(taken) == {check for check, legal in kinds.items() if legal}
