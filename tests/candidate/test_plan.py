import json
from dataclasses import replace
from typing import Any

import pytest

from cpruner.candidate import FIXED, Cut, Labels, Node, Pick, Plan, Program, Size
from cpruner.errors import ArtefactError

PROGRAM = Program(
    "pad", (("v", 0),), (), None, (Pick(0, 0, (0, 1)),), (Node("pick", (("v", 0), 1, ("pick", 0)), (), 1),), ("v", 1)
)
PLAN = Plan(
    names=("a", "b"),
    sizes=(2, 3),
    labels=(
        Labels(((0, 1),)),
        Labels(((0, 1, FIXED),)),
        Labels(((2, 3, 4),)),
        Labels(((0, 0, 0, 1, 1, 1), (2, 3, 4, 2, 3, 4))),
    ),
    cuts=(Cut("a.weight", 0, 0), Cut("b.weight", 1, 1), Cut("b.weight", 0, 2), Cut("rows", 0, 3)),
    attributes=(Size("a", "out_features", 0), Size("norm", "normalized_shape", 2, "tuple")),
    programs=(PROGRAM,),
)


def test_offsets_number_units_group_after_group() -> None:
    assert PLAN.offsets.tolist() == [0, 2, 5]


def test_labels_are_as_long_as_their_axis_whatever_they_follow_from() -> None:
    assert [len(entry) for entry in PLAN.labels] == [2, 3, 3, 6]
    assert PLAN.labels[3].units_FN.tolist() == [[0, 0, 0, 1, 1, 1], [2, 3, 4, 2, 3, 4]]


def test_the_table_laid_end_to_end() -> None:
    """Only the last entry has a second factor: it stands at positions 8 to 13."""
    units = PLAN.units
    assert units.offsets.tolist() == [0, 2, 5, 8, 14]
    assert units.first.tolist() == [0, 1, 0, 1, FIXED, 2, 3, 4, 0, 0, 0, 1, 1, 1]
    assert [(rows.tolist(), further.tolist()) for rows, further in units.further] == [
        ([8, 9, 10, 11, 12, 13], [2, 3, 4, 2, 3, 4])
    ]


def test_an_empty_table() -> None:
    units = Plan((), (), (), ()).units
    assert (units.offsets.tolist(), units.first.tolist(), units.further) == ([0], [], ())


def test_cuts_by_tensor() -> None:
    assert PLAN.cuts_of == {"a.weight": PLAN.cuts[:1], "b.weight": PLAN.cuts[1:3], "rows": PLAN.cuts[3:]}


def test_groups_of_an_axis_are_those_of_its_units() -> None:
    assert PLAN.groups_of == ({0}, {0}, {1}, {0, 1})


def test_round_trip_through_json() -> None:
    again = Plan.from_dict(json.loads(json.dumps(PLAN.to_dict())))
    assert again == PLAN
    assert again.fingerprint == PLAN.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"names": ("a", "c")},
        {"sizes": (3, 2)},
        {"labels": (*PLAN.labels[:3], Labels(PLAN.labels[3].factors[::-1]))},
        {"cuts": PLAN.cuts[:2]},
        {"cuts": (replace(PLAN.cuts[0], axis=1), *PLAN.cuts[1:])},
        {"attributes": ()},
        {"attributes": (replace(PLAN.attributes[0], form="tuple"), PLAN.attributes[1])},
        {"programs": ()},
        {"programs": (replace(PROGRAM, out=("v", 0)),)},
    ],
)
def test_the_fingerprint_tells_plans_apart(change: dict[str, Any]) -> None:
    assert replace(PLAN, **change).fingerprint != PLAN.fingerprint


@pytest.mark.parametrize("key", ["names", "sizes", "labels", "cuts", "attributes", "programs"])
def test_a_missing_or_malformed_part_is_named(key: str) -> None:
    data = PLAN.to_dict()
    with pytest.raises(ArtefactError, match=key):
        Plan.from_dict({name: value for name, value in data.items() if name != key})
    with pytest.raises(ArtefactError, match="damaged surgery plan"):
        Plan.from_dict({**data, key: 3})


CUT, SIZE = PLAN.to_dict()["cuts"][0], PLAN.to_dict()["attributes"][0]


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        ("names", ["a"], "one size for every group"),
        ("names", ["a", "a"], "distinct names"),
        ("names", ["a", 1], "a group to be a string"),
        ("sizes", [2, 0], "sizes of groups"),
        ("sizes", ["2", "3"], "sizes of groups"),
        ("sizes", [2, 10**30], "sizes of groups"),
        ("labels", [[]], "factors of one length"),
        ("labels", [[[0, 1], [0]]], "factors of one length"),
        ("labels", [[[0, 5]]], r"labels to be whole numbers in \[-1, 5\)"),
        ("labels", [[[0, -2]]], "labels to be"),
        ("labels", [[[0, 0.5]]], "labels to be"),
        ("cuts", [{**CUT, "labels": 4}], "a place of labels to be a whole number below 4, got 4"),
        ("cuts", [{**CUT, "labels": -1}], "a place of labels"),
        ("cuts", [{**CUT, "axis": -1}], "an axis"),
        ("cuts", [{**CUT, "axis": True}], "an axis"),
        ("cuts", [{**CUT, "tensor": ["a"]}], "a tensor"),
        ("attributes", [{**SIZE, "labels": 4}], "a place of labels"),
        ("attributes", [{**SIZE, "module": None}], "a module"),
        ("attributes", [{**SIZE, "attribute": "a.b"}], "an attribute"),
        ("attributes", [{**SIZE, "form": "list"}], "int or tuple"),
    ],
)
def test_a_plan_from_a_file_is_looked_at(key: str, value: Any, what: str) -> None:
    with pytest.raises(ArtefactError, match=what):
        Plan.from_dict({**PLAN.to_dict(), key: value})


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"module": 3}, "a module"),
        ({"out": ["n", 4]}, "a place of labels"),
        ({"out": ["n", "0"]}, "a place of labels"),
        ({"picks": [[0, 0, [0, 2]]]}, "positions of a pick"),
        ({"picks": [[0, 1, [0, 1]]]}, "3 positions of a pick, got 2"),
        ({"picks": [[0, 9, [0, 1]]]}, "a place of labels"),
        ({"picks": [[0, 0]]}, "damaged surgery plan: ValueError"),
    ],
)
def test_programs_from_a_file_fit_the_table_of_labels(change: dict[str, Any], what: str) -> None:
    data = PLAN.to_dict()
    with pytest.raises(ArtefactError, match=what):
        Plan.from_dict({**data, "programs": [{**PROGRAM.to_dict(), **change}]})
