import pytest

from cpruner.constraint.unit import accepted, worth


@pytest.mark.parametrize(
    ("text", "unit", "factor"),
    [
        ("s", "ms", 1e3),
        ("us", "ms", 1e-3),
        ("µs", "ms", 1e-3),
        ("ms", "s", 1e-3),
        ("min", "s", 60),
        ("KiB", "B", 1024),
        ("MB", "kB", 1e3),
        ("mb", "MB", 1),
        ("GFLOPs", "FLOPs", 1e9),
        ("gflops", "FLOPs", 1e9),
        ("MFLOP", "FLOPs", 1e6),
        ("M", "MACs", 1e6),
        ("m", "MACs", 1e6),
        ("kparams", "params", 1e3),
        ("parameters", "params", 1),
        ("k", "", 1e3),
        ("J", "J", 1),
        ("kJ", "J", 1e3),
        ("mJ", "J", 1e-3),
        ("MJ", "J", 1e6),
        ("mJ", "mJ", 1),
        ("MS", "ms", 1),
    ],
)
def test_worth(text, unit, factor):
    assert worth(text, unit) == pytest.approx(factor, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("ms", "FLOPs"),
        ("MACs", "FLOPs"),
        ("FLOPs", "MACs"),
        ("k", "ms"),
        ("M", "MB"),
        ("J", ""),
        ("MS", "J"),
        ("m", "J"),
        ("K", ""),
    ],
)
def test_foreign_units_have_no_worth(text, unit):
    assert worth(text, unit) is None


@pytest.mark.parametrize("unit", ["ms", "B", "MB", "FLOPs", "MACs", "params", "J", ""])
def test_every_accepted_text_is_worth_what_is_listed(unit):
    assert unit == "" or accepted(unit)[unit] == 1
    assert all(worth(text, unit) == factor for text, factor in accepted(unit).items())
