import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_nets import candidates

from cpruner.candidate import FIXED, Candidate, Cut, Labels, Plan, keep_best
from cpruner.errors import ArtefactError, InputError
from cpruner.space import trace
from cpruner.testing.nets import NETS

LABELS = (Labels(((0, 1, 2),)), Labels(((3, FIXED, 4, 5, 6),)))
PLAN = Plan(("a", "b"), (3, 4), LABELS, (Cut("a.weight", 0, 0), Cut("b.weight", 0, 1)))
OTHER = Plan(("a", "b"), (3, 4), LABELS, PLAN.cuts[:1])
SPACE = trace(NETS[0].build(), NETS[0].inputs())

# two heads (units 0 and 1) of three dimensions (2 to 4), and four indices of their own (5 to 7, one fixed)
HEADS = Labels(((0, 0, 0, 1, 1, 1), (2, 3, 4, 2, 3, 4)))
GRID = Plan(("heads", "dims", "own"), (2, 3, 3), (HEADS, Labels(((5, FIXED, 6, 7),)), Labels(((0, 1),))), ())


def test_widths_and_living_units() -> None:
    candidate = Candidate(((0, 2), (1,)), PLAN)
    assert candidate.widths == (2, 1)
    assert candidate.alive.tolist() == [True, False, True, False, True, False, False, True]


def test_indices_along_an_axis_keep_what_is_fixed() -> None:
    candidate = Candidate(((0, 2), (1,)), PLAN)
    assert candidate.indices(0).tolist() == [0, 2]
    assert candidate.indices(1).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("heads", "dims", "rows"),
    [
        ((0, 1), (0, 1, 2), [0, 1, 2, 3, 4, 5]),
        ((1,), (0, 2), [3, 5]),
        ((0,), (1,), [1]),
        ((0, 1), (2,), [2, 5]),
    ],
)
def test_an_index_with_two_factors_needs_both(heads: Any, dims: Any, rows: list[int]) -> None:
    candidate = Candidate((heads, dims, (0,)), GRID)
    assert candidate.indices(0).tolist() == rows
    assert candidate.indices(1).tolist() == [0, 1]
    assert candidate.indices(2).tolist() == list(heads)


@given(st.data())
def test_indices_are_those_all_of_whose_factors_stay(data: st.DataObject) -> None:
    """Against the sentence in the docstring of Labels, for any table."""
    units = st.integers(FIXED, 6)
    entry = st.integers(0, 4).flatmap(
        lambda n: st.lists(st.lists(units, min_size=n, max_size=n).map(tuple), min_size=1, max_size=3)
    )
    table = tuple(Labels(tuple(factors)) for factors in data.draw(st.lists(entry, max_size=4)))
    kept = tuple(tuple(sorted(data.draw(st.sets(st.integers(0, size - 1), min_size=1)))) for size in PLAN.sizes)
    candidate = Candidate(kept, Plan(PLAN.names, PLAN.sizes, table, ()))
    alive = {FIXED, *kept[0], *(3 + index for index in kept[1])}
    for place, labels in enumerate(table):
        expected = [i for i in range(len(labels)) if all(factor[i] in alive for factor in labels.factors)]
        assert candidate.indices(place).tolist() == expected


def test_equal_and_hashed_by_what_is_kept_and_the_structure() -> None:
    one, same = Candidate(((0,), (1,)), PLAN), Candidate(((0,), (1,)), Plan.from_dict(PLAN.to_dict()))
    assert one == same
    assert len({one, same, Candidate(((0,), (2,)), PLAN), Candidate(((0,), (1,)), OTHER)}) == 3


@pytest.mark.parametrize(
    ("kept", "what"),
    [
        (((0,),), "candidate: expected 2 groups, got 1"),
        (((), (0,)), "group 'a'"),
        (((0,), (4,)), "group 'b'"),
        (((-1,), (0,)), "group 'a'"),
        (((1, 0), (0,)), "group 'a'"),
        (((1, 1), (0,)), "group 'a'"),
        (((0.5,), (0,)), "group 'a'"),
    ],
)
def test_what_cannot_be_kept_is_refused(kept: Any, what: str) -> None:
    with pytest.raises(InputError, match=what):
        Candidate(kept, PLAN)


@given(st.data())
def test_round_trip_through_json(data: st.DataObject) -> None:
    candidate = data.draw(candidates(SPACE))
    again = Candidate.from_json(candidate.to_json())
    assert again == candidate
    assert again.plan == candidate.plan
    assert Candidate.from_json(candidate.to_json().encode()) == candidate


def damage(**changes: Any) -> str:
    return json.dumps({**json.loads(Candidate(((0,), (1,)), PLAN).to_json()), **changes})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "3",
        "null",
        b"\xff\xfe\x00",
        "[" * 100_000,
        damage(format=3),
        damage(kept=[1]),
        damage(kept={"a": [0]}),
        damage(kept={"a": [0], "b": [7]}),
        damage(kept={"a": [0], "b": ["x"]}),
        damage(kept={"a": [0], "b": 1}),
        damage(plan=[1]),
        damage(plan=OTHER.to_dict()),
        damage(plan={**PLAN.to_dict(), "sizes": ["3", "4"]}),
        damage(structure="0"),
    ],
)
def test_damaged_text_is_refused(text: str | bytes) -> None:
    with pytest.raises(ArtefactError):
        Candidate.from_json(text)


@pytest.mark.parametrize("number", [1, 9])
def test_another_format_says_so(number: int) -> None:
    with pytest.raises(ArtefactError, match=f"format 2, got {number}"):
        Candidate.from_json(damage(format=number))


def test_keep_best_takes_the_first_of_each_ranking() -> None:
    candidate = keep_best(PLAN, ((2, 0, 1), (3, 1, 0, 2)), (2, 3))
    assert candidate.kept == ((0, 2), (0, 1, 3))


def test_keep_best_takes_numpy_widths_and_rankings() -> None:
    candidate = keep_best(PLAN, (np.array([2, 0, 1]), np.array([3, 1, 0, 2])), np.array([1, 1]))
    assert json.loads(candidate.to_json())["kept"] == {"a": [2], "b": [3]}
