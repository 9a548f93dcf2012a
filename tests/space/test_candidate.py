import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_nets import candidates

from cpruner.errors import ArtefactError, InputError
from cpruner.space import FIXED, Candidate, Cut, Plan, keep_best, trace
from cpruner.testing.nets import NETS

PLAN = Plan(("a", "b"), (3, 4), (Cut("a.weight", 0, (0, 1, 2)), Cut("b.weight", 0, (3, FIXED, 4, 5, 6))), (), ())
OTHER = Plan(("a", "b"), (3, 4), PLAN.cuts[:1], (), ())
SPACE = trace(NETS[0].build(), NETS[0].inputs())


def test_widths_and_living_units() -> None:
    candidate = Candidate(((0, 2), (1,)), PLAN)
    assert candidate.widths == (2, 1)
    assert candidate.alive.tolist() == [True, False, True, False, True, False, False, True]


def test_indices_along_an_axis_keep_what_is_fixed() -> None:
    candidate = Candidate(((0, 2), (1,)), PLAN)
    assert candidate.indices((0, 1, 2)).tolist() == [0, 2]
    assert candidate.indices((3, FIXED, 4, 5, 6)).tolist() == [1, 2]


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
        damage(format=2),
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


def test_a_newer_format_says_so() -> None:
    with pytest.raises(ArtefactError, match="format 1, got 9"):
        Candidate.from_json(damage(format=9))


def test_keep_best_takes_the_first_of_each_ranking() -> None:
    candidate = keep_best(PLAN, ((2, 0, 1), (3, 1, 0, 2)), (2, 3))
    assert candidate.kept == ((0, 2), (0, 1, 3))


def test_keep_best_takes_numpy_widths_and_rankings() -> None:
    candidate = keep_best(PLAN, (np.array([2, 0, 1]), np.array([3, 1, 0, 2])), np.array([1, 1]))
    assert json.loads(candidate.to_json())["kept"] == {"a": [2], "b": [3]}
