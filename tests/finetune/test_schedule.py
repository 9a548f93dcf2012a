import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.finetune import FineTune, learning_rate


def test_half_a_cosine() -> None:
    spec = FineTune(epochs=4, lr=0.2)
    rates = [learning_rate(position, spec) for position in (0, 1, 2, 3, 4)]
    assert rates == pytest.approx([0.2, 0.1707107, 0.1, 0.0292893, 0.0], abs=1e-7)


def test_linear_warm_up_first() -> None:
    spec = FineTune(epochs=4, lr=1.0, warmup_epochs=2)
    rates = [learning_rate(position, spec) for position in (0, 1, 2, 3)]
    assert rates == pytest.approx([0.01, 0.505, 1.0, 0.5])


@given(epochs=st.integers(1, 50), warmup=st.integers(0, 49), share=st.floats(0, 1))
def test_never_above_the_highest_rate_and_never_negative(epochs: int, warmup: int, share: float) -> None:
    spec = FineTune(epochs=epochs, lr=0.3, warmup_epochs=min(warmup, epochs - 1))
    assert 0 <= learning_rate(share * epochs, spec) <= 0.3
