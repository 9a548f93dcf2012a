import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.report.quantity import human, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (999, "999"),
        (999.6, "1.00 k"),
        (1000, "1.00 k"),
        (272_474, "272 k"),
        (999_700, "1.00 M"),
        (1_234_567, "1.23 M"),
        (45.6e9, "45.6 G"),
        (1e15, "1.00 P"),
        (3.214, "3.21"),
        (0.0514, "0.0514"),
        (-1500, "-1.50 k"),
        (None, "-"),
        (math.nan, "-"),
        (math.inf, "inf"),
    ],
)
def test_human(value, text):
    assert human(value) == text


def test_unit_follows_the_prefix():
    assert human(1_500_000, "B") == "1.50 MB"
    assert human(3.2, "ms") == "3.20 ms"
    assert human(None, "ms") == "-"


@given(value=st.floats(1e-3, 1e17))
def test_human_keeps_three_digits(value):
    number, _, prefix = human(value).partition(" ")
    scale = {"": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}[prefix]
    assert float(number) * scale == pytest.approx(value, rel=0.005)


def test_percent():
    assert percent(0.84204) == "84.20 %"
    assert percent(0.5, 0) == "50 %"
    assert percent(None) == percent(math.nan) == "-"
