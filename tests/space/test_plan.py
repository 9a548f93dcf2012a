import json
from dataclasses import replace

import pytest

from cpruner.errors import ArtefactError
from cpruner.space import FIXED, Cut, Plan, Rewire, Size

PLAN = Plan(
    names=("a", "b"),
    sizes=(2, 3),
    cuts=(Cut("a.weight", 0, (0, 1)), Cut("b.weight", 1, (0, 1, FIXED)), Cut("b.weight", 0, (2, 3, 4))),
    attributes=(Size("a", "out_features", (0, 1)),),
    rewires=(Rewire("pad", 1, (0, 1), (0, 1, FIXED)),),
)


def test_offsets_number_units_group_after_group() -> None:
    assert PLAN.offsets.tolist() == [0, 2, 5]


def test_arrays_hold_every_tuple_of_units() -> None:
    assert set(PLAN.arrays) == {(0, 1), (0, 1, FIXED), (2, 3, 4)}
    assert PLAN.arrays[0, 1, FIXED].tolist() == [0, 1, -1]


def test_groups_of_an_axis_are_those_of_its_units() -> None:
    assert PLAN.groups_of == {(0, 1): {0}, (0, 1, FIXED): {0}, (2, 3, 4): {1}}


def test_round_trip_through_json() -> None:
    again = Plan.from_dict(json.loads(json.dumps(PLAN.to_dict())))
    assert again == PLAN
    assert again.fingerprint == PLAN.fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"names": ("a", "c")},
        {"sizes": (3, 2)},
        {"cuts": PLAN.cuts[:2]},
        {"cuts": (replace(PLAN.cuts[0], axis=1), *PLAN.cuts[1:])},
        {"attributes": ()},
        {"rewires": ()},
    ],
)
def test_the_fingerprint_tells_plans_apart(change) -> None:
    assert replace(PLAN, **change).fingerprint != PLAN.fingerprint


@pytest.mark.parametrize("key", ["names", "sizes", "cuts", "attributes", "rewires"])
def test_a_missing_or_malformed_part_is_named(key: str) -> None:
    data = PLAN.to_dict()
    with pytest.raises(ArtefactError, match=key):
        Plan.from_dict({name: value for name, value in data.items() if name != key})
    with pytest.raises(ArtefactError, match="damaged surgery plan"):
        Plan.from_dict({**data, key: 3})
