import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.constraint import Limit, parse_limit
from cpruner.constraint.unit import accepted
from cpruner.errors import InputError


@pytest.mark.parametrize(
    ("limit", "unit", "value"),
    [
        ("3.2 ms", "ms", 3.2),
        ("3200us", "ms", 3.2),
        ("0.5 s", "ms", 500),
        ("0.8 ms", "ms", 0.8),
        ("12 MB", "MB", 12),
        ("12 MB", "B", 12e6),
        ("1.5 GFLOPs", "FLOPs", 1.5e9),
        ("1.5 G FLOPs", "FLOPs", 1.5e9),
        ("0.5M", "FLOPs", 5e5),
        ("270k", "params", 270e3),
        ("1e6", "params", 1e6),
        ("270_000", "params", 270e3),
        (" 7 J ", "J", 7),
        ("1.7", "", 1.7),
        (1.7, "J", 1.7),
        (270_000, "params", 270e3),
        (np.float32(2), "ms", 2.0),
    ],
)
def test_amounts(limit, unit, value):
    parsed = parse_limit(limit, unit)
    assert not parsed.relative
    assert parsed.value == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("limit", "value"),
    [
        (0.5, 0.5),
        (1, 1.0),
        (1.0, 1.0),
        ("0.5", 0.5),
        (".5", 0.5),
        ("60 %", 0.6),
        ("60%", 0.6),
        ("100 %", 1.0),
        ("0.5%", 0.005),
    ],
)
def test_shares(limit, value):
    assert parse_limit(limit, "ms") == Limit(value, relative=True)


@pytest.mark.parametrize(
    ("limit", "expected", "remedy"),
    [
        (0, "above 0", "Set the most"),
        (-1.0, "above 0", "Set the most"),
        ("-3 ms", "above 0", "Set the most"),
        ("0 ms", "above 0", "Set the most"),
        (float("nan"), "finite", "Set the most"),
        (float("inf"), "finite", "Set the most"),
        ("1e999", "finite", "Set the most"),
        ("120 %", "at most 100 %", "lower it"),
        ("3,2 ms", "one of the units ns, us", "Write the limit in one of these"),
        ("3 parsecs", "one of the units ns, us, µs, ms, s, min or %", "Write the limit in one of these"),
        ("three ms", "a number", "'3.2 ms'"),
        ("", "a number", "'3.2 ms'"),
        ("nan", "a number", "'3.2 ms'"),
        ("inf ms", "a number", "'3.2 ms'"),
        (True, "a number", "'3.2 ms'"),
        (None, "a number", "'3.2 ms'"),
        ([3], "a number", "'3.2 ms'"),
    ],
)
def test_refusals_say_what_was_expected_what_came_and_what_to_do(limit, expected, remedy):
    with pytest.raises(InputError) as caught:
        parse_limit(limit, "ms", what="limit of budget 'latency'")
    message = str(caught.value)
    assert message.startswith("limit of budget 'latency': expected ")
    assert expected in message
    assert f"got {limit!r}" in message
    assert remedy in message


def test_macs_are_no_flops():
    with pytest.raises(
        InputError, match=r"one of the units FLOPs, FLOP, k, M, .*got '1 GMACs'.*budget a cost that has this"
    ):
        parse_limit("1 GMACs", "FLOPs")


@given(
    number=st.floats(1e-6, 1e9),
    unit=st.sampled_from(["ms", "s", "B", "MB", "FLOPs", "MACs", "params", "J", ""]),
    data=st.data(),
    space=st.sampled_from(["", " ", "  "]),
)
def test_amount_written_in_any_accepted_unit_is_read_back(number, unit, data, space):
    text = data.draw(st.sampled_from(sorted(accepted(unit))))
    parsed = parse_limit(f"{number!r}{space}{text}", unit)
    assert not parsed.relative
    assert parsed.value == pytest.approx(number * accepted(unit)[text])


@given(number=st.floats(min_value=1e-9, max_value=1e12))
def test_number_and_its_text_mean_the_same(number):
    assert parse_limit(repr(number), "FLOPs") == parse_limit(number, "FLOPs")
    assert parse_limit(number, "FLOPs").relative == (number <= 1)


@given(text=st.text("0123456789.,eE+-_ %kMmsuparn", max_size=8), unit=st.sampled_from(["ms", "params", ""]))
def test_any_text_is_read_or_refused_by_name(text, unit):
    try:
        parsed = parse_limit(text, unit)
    except InputError:
        return
    assert 0 < parsed.value < float("inf")
    assert not parsed.relative or parsed.value <= 1
