from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.errors import InputError
from cpruner.spec import check, option


@dataclass(frozen=True)
class Oven:
    """Options of an oven."""

    heat: float = option(180.0, "degrees", low=50.0, high=250.0)
    racks: int | None = option(None, "racks used; null all", low=1)
    chill: float = option(-5.0, "degrees below which it refuses to start", high=0.0)
    mode: str = option("fan", "how it heats", choices=("fan", "grill"))
    timers: list[int] = option([5, 10], "minutes")
    names: dict[str, str] = option({"a": "b"}, "labels")
    label: str = option("", "free text")

    def __post_init__(self) -> None:
        check(self)


def test_defaults_stand_where_they_are_declared() -> None:
    assert Oven() == Oven(180.0, None, -5.0, "fan", [5, 10], {"a": "b"}, "")


def test_lists_and_dicts_are_not_shared_between_specs() -> None:
    one, two = Oven(), Oven()
    one.timers.append(99)
    one.names["c"] = "d"
    assert (two.timers, two.names) == ([5, 10], {"a": "b"})
    assert (Oven().timers, Oven().names) == ([5, 10], {"a": "b"})


def test_doc_and_range_are_metadata() -> None:
    metadata = {field.name: dict(field.metadata) for field in fields(Oven)}
    assert metadata["heat"] == {"doc": "degrees", "low": 50.0, "high": 250.0, "choices": None}
    assert metadata["mode"] == {"doc": "how it heats", "low": None, "high": None, "choices": ("fan", "grill")}
    assert metadata["timers"]["doc"] == "minutes"


def test_a_spec_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Oven().heat = 200.0  # type: ignore[misc]


@pytest.mark.parametrize(
    "legal", [{"heat": 50}, {"heat": 250.0}, {"racks": None}, {"racks": 1}, {"chill": -1e9}, {"mode": "grill"}]
)
def test_bounds_are_inclusive(legal: dict[str, Any]) -> None:
    (name,) = legal
    assert getattr(Oven(**legal), name) == legal[name]


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_what_lies_outside_is_refused(heat: float) -> None:
    if 50 <= heat <= 250:
        assert Oven(heat=heat).heat == heat
    else:
        with pytest.raises(InputError, match=r"Oven\.heat: expected a number in \[50\.0, 250\.0\]"):
            Oven(heat=heat)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"heat": "hot"}, r"Oven\.heat: expected a number in \[50\.0, 250\.0\], got 'hot'"),
        ({"heat": True}, r"Oven\.heat: .*got True"),
        ({"heat": [100.0]}, r"Oven\.heat: .*got \[100\.0\]"),
        ({"racks": 0}, r"Oven\.racks: expected a number in \[1, inf\], got 0"),
        ({"chill": 1.0}, r"Oven\.chill: expected a number in \[-inf, 0\.0\], got 1\.0"),
        ({"mode": "steam"}, r"Oven\.mode: expected one of fan, grill, got 'steam'"),
        ({"mode": None}, r"Oven\.mode: expected one of fan, grill, got None"),
    ],
)
def test_the_message_names_option_range_and_value(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Oven(**wrong)


def test_options_without_a_range_are_left_alone() -> None:
    assert Oven(label="anything").label == "anything"
