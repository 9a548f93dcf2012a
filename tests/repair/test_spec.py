import dataclasses
from typing import Any

import pytest

from cpruner.errors import InputError
from cpruner.repair import Repair


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "magic"},
        {"images": 0},
        {"positions": 0},
        {"batch": 0},
        {"memory": 0},
        {"damping": -1e-9},
        {"shrinkage": -1e-9},
        {"updates": -1},
        {"seed": -1},
    ],
)
def test_values_outside_their_range_are_named(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(InputError, match=f"Repair.{name}"):
        Repair(**change)


def test_every_option_is_documented() -> None:
    assert all(field.metadata["doc"] for field in dataclasses.fields(Repair))


def test_the_default_is_legal_and_frozen() -> None:
    assert Repair().mode == "sequential"
    with pytest.raises(dataclasses.FrozenInstanceError):
        Repair().mode = "none"  # type: ignore[misc]


def test_where_statistics_are_kept_changes_no_candidate() -> None:
    assert Repair(cache=False, cache_mb=7, final_images=9).identity == Repair().identity
    assert Repair(cache=False, images=7).identity != Repair(images=8).identity
