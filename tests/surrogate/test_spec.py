import dataclasses
from typing import Any

import pytest

from cpruner.errors import InputError
from cpruner.surrogate import Calibration


@pytest.mark.parametrize(
    "change",
    [
        {"images": 0},
        {"batch": 0},
        {"temperature": 0.0},
        {"folds": 1},
        {"rounds": -1},
        {"neighbours": -1},
        {"radius": -0.1},
        {"focus": 0.0},
        {"seed": -1},
    ],
)
def test_values_outside_their_range_are_named(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(InputError, match=f"Calibration.{name}"):
        Calibration(**change)


def test_every_option_is_documented() -> None:
    assert all(field.metadata["doc"] for field in dataclasses.fields(Calibration))
