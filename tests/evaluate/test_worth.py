import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.evaluate import REWARDS, Score, worth


@pytest.mark.parametrize(
    ("reward", "value"), [("accuracy", 0.8), ("loss", -0.5), ("log_loss", math.log(2.0)), ("divergence", -0.25)]
)
def test_by_hand(reward: str, value: float) -> None:
    assert worth(Score(0.8, 0.5, 10, divergence=0.25), reward) == pytest.approx(value)


def test_without_answers_of_the_dense_network_there_is_no_divergence() -> None:
    assert worth(Score(0.8, 0.5, 10), "divergence") is None


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize("loss", [0.0, math.inf])
def test_it_is_finite_whatever_the_loss(reward: str, loss: float) -> None:
    value = worth(Score(0.1, loss, 10, divergence=loss), reward)
    assert value is not None
    assert math.isfinite(value)


@given(st.floats(0.001, 50.0), st.floats(0.001, 50.0))
def test_less_loss_is_worth_more(one: float, other: float) -> None:
    for reward in ("loss", "log_loss"):
        values = [worth(Score(0.5, loss, 10), reward) for loss in (one, other)]
        assert (values[0] > values[1]) == (one < other) or math.isclose(one, other, rel_tol=1e-12)
