import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.constraint import Reading

POSITIVE = st.floats(1e-3, 1e9)


def reading(value, limit, spread=0.0):
    return Reading("latency", "ms", value=value, spread=spread, limit=limit, dense=10.0)


def test_violation_is_a_share_of_the_limit():
    assert reading(6.0, 4.0).violation == pytest.approx(0.5)
    assert reading(6.0, 4.0).scaled == pytest.approx(1.5)
    assert reading(3.0, 4.0).violation == 0.0


def test_promise_is_strict_and_certainty_stricter():
    assert reading(4.0, 4.0).satisfied
    assert not reading(4.0000001, 4.0).satisfied
    assert reading(3.9, 4.0, spread=0.1).certain
    assert reading(3.9, 4.0, spread=0.2).satisfied
    assert not reading(3.9, 4.0, spread=0.2).certain


@given(value=POSITIVE, limit=POSITIVE, spread=st.floats(0, 10))
def test_properties_agree(value, limit, spread):
    one = reading(value, limit, spread)
    assert one.violation >= 0
    assert not (one.certain and not one.satisfied)
    if one.violation > 0:
        assert not one.satisfied
