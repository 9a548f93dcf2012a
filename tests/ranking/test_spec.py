import dataclasses
from typing import Any

import pytest

from cpruner.errors import InputError
from cpruner.ranking import Rank


@pytest.mark.parametrize(
    "change", [{"criterion": "alphabetic"}, {"images": 0}, {"batch_size": 0}, {"damping": -1e-9}, {"seed": -1}]
)
def test_values_outside_their_range_are_named(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(InputError, match=f"Rank.{name}"):
        Rank(**change)


def test_every_option_is_documented() -> None:
    assert all(field.metadata["doc"] for field in dataclasses.fields(Rank))


def test_the_default_is_legal_and_frozen() -> None:
    assert Rank().criterion == "elimination"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Rank().criterion = "l1"  # type: ignore[misc]


def test_the_meaning_of_every_criterion_is_said() -> None:
    (field,) = (field for field in dataclasses.fields(Rank) if field.name == "criterion")
    said = field.metadata["doc"].lower()
    assert [name for name in field.metadata["choices"] if name not in said] == []
