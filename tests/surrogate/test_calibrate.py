import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surrogates import chained, falling, made

from cpruner.errors import InputError
from cpruner.surrogate import Surrogate, calibrated
from cpruner.surrogate.calibrate import RIDGES

SPACE = chained(3, 8, 9, 7, 4)
TRUE = np.array([0.5, 2.0, 0.0])
SQUARE = np.array([0.3, 0.0, 1.0])


def drawn(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, np.array(SPACE.sizes) + 1, (count, 3))


def losses(one: Surrogate, width_NG: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """exp(0.7 + e TRUE + e^2 SQUARE), times log-normal noise."""
    error_NG = one.errors(width_NG)
    loss_N: np.ndarray = np.exp(0.7 + error_NG @ TRUE + error_NG**2 @ SQUARE)
    return loss_N * np.exp(noise * np.random.default_rng(seed).normal(size=len(width_NG)))


def test_factors_are_found_again() -> None:
    one, width_NG = falling(SPACE, 0), drawn(400)
    found = calibrated(one, width_NG, losses(one, width_NG))
    assert found.base == pytest.approx(0.7, abs=0.02)
    assert found.linear_G == pytest.approx(TRUE, abs=0.1)
    assert found.square_G == pytest.approx(SQUARE, abs=0.1)
    held_out = drawn(100, 1)
    assert found.predict(held_out) == pytest.approx(np.log(losses(one, held_out)), abs=0.02)


def test_one_factor_for_all_is_found_by_four_judgements_without_noise() -> None:
    one, width_NG = falling(SPACE, 0), drawn(4)
    found = calibrated(one, width_NG, np.exp(-1 + 3 * one.errors(width_NG).sum(axis=1)))
    assert found.linear_G == pytest.approx([3, 3, 3], rel=1e-2)
    assert found.square_G == pytest.approx([0, 0, 0], abs=1e-2)
    assert found.base == pytest.approx(-1, abs=1e-2)


def test_few_noisy_judgements_leave_the_factors_near_one_another() -> None:
    """Where they say little of single groups; many of them tell the groups apart."""
    one = falling(SPACE, 0)

    def spread(count: int) -> float:
        width_NG = drawn(count)
        truth_N = np.exp(one.errors(width_NG) @ np.array([1.0, 1.3, 0.7]))
        noise_N = np.exp(0.5 * np.random.default_rng(1).normal(size=count))
        factor_G = calibrated(one, width_NG, truth_N * noise_N).linear_G
        return float(factor_G.max() / max(factor_G.min(), 1e-9))

    assert spread(8) < 1.2
    assert spread(4000) > 1.5


def test_a_group_that_is_never_cut_gets_the_common_factor() -> None:
    one, width_NG = falling(SPACE, 0), drawn(60)
    width_NG[:, 2] = SPACE.sizes[2]
    found = calibrated(one, width_NG, np.exp(2 * one.errors(width_NG).sum(axis=1)))
    assert found.linear_G == pytest.approx([2, 2, 2], rel=1e-3)
    assert found.square_G[2] == 0


@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(4, 40))
def test_no_factor_is_ever_negative(seed: int, count: int) -> None:
    """Losses that have nothing to do with the widths, so that half of the best factors would be."""
    generator = np.random.default_rng(seed)
    found = calibrated(falling(SPACE, seed), drawn(count, seed), generator.lognormal(size=count))
    assert (found.linear_G >= 0).all()
    assert (found.square_G >= 0).all()
    assert np.isfinite(found.predict(drawn(5))).all()


def test_a_loss_that_falls_with_the_error_says_nothing() -> None:
    one, width_NG = falling(SPACE, 0), drawn(500)
    loss_N = np.exp(-one.errors(width_NG).sum(axis=1))
    found = calibrated(one, width_NG, loss_N)
    assert max(found.linear_G.max(), found.square_G.max()) < 0.1
    assert found.predict(width_NG).mean() == pytest.approx(np.log(loss_N).mean())


def test_what_weighs_nothing_does_not_count() -> None:
    one, width_NG = falling(SPACE, 0), drawn(200)
    loss_N = losses(one, width_NG)
    weight_N = np.ones(200)
    loss_N[::3], weight_N[::3] = 5.0, 0.0
    weighted, plain = calibrated(one, width_NG, loss_N, weight_N=weight_N), calibrated(one, width_NG, loss_N)
    assert weighted.linear_G == pytest.approx(TRUE, abs=0.15)
    assert np.abs(plain.linear_G - TRUE).max() > 0.3


def test_weights_are_relative_and_equal_without() -> None:
    one, width_NG = falling(SPACE, 0), drawn(30)
    loss_N = losses(one, width_NG, noise=0.3)
    plain = calibrated(one, width_NG, loss_N)
    for scale in (1.0, 1e3):
        same = calibrated(one, width_NG, loss_N, weight_N=np.full(30, scale))
        assert same.linear_G == pytest.approx(plain.linear_G)
        assert same.base == pytest.approx(plain.base)


def test_what_was_there_before_does_not_matter() -> None:
    one, width_NG = falling(SPACE, 0), drawn(30)
    loss_N = losses(one, width_NG, noise=0.3)
    once = calibrated(one, width_NG, loss_N)
    twice = calibrated(once, width_NG, loss_N)
    assert np.array_equal(once.linear_G, twice.linear_G)
    assert once.base == twice.base
    assert once.space is one.space
    assert once.error_GW is one.error_GW


def test_by_hand_with_one_group() -> None:
    """Slope 2 through (0, 1) and (1, 3), with the ridge pulling towards just that."""
    one = made(chained(2, 2, 2), ([9.0, 1.0, 0.0],))
    found = calibrated(one, np.array([[2], [1], [2], [1]]), np.exp([1.0, 3.0, 1.0, 3.0]))
    assert float(found.predict(np.array([[1]]))[0] - found.predict(np.array([[2]]))[0]) == pytest.approx(2, rel=0.01)
    assert found.base == pytest.approx(1, abs=0.02)


def test_the_ridges_rise() -> None:
    assert list(RIDGES) == sorted(RIDGES)
    assert RIDGES[0] > 0


@pytest.mark.parametrize(
    ("loss_N", "got"),
    [
        (np.ones(3), "3 judgements"),
        (np.array([1.0, 2.0, 0.0, 1.0]), "4 judgements, losses from 0 to 2"),
        (np.array([1.0, -2.0, 3.0, 1.0]), "losses from -2 to 3"),
        (np.array([1.0, np.inf, 3.0, 1.0]), "losses from 1 to inf"),
        (np.array([1.0, np.nan, 3.0, 1.0]), "losses from nan to nan"),
        (np.ones(0), "0 judgements"),
    ],
)
def test_judgements_that_say_nothing_are_refused(loss_N: np.ndarray, got: str) -> None:
    with pytest.raises(InputError, match=rf"^judgements: expected at least 4, with losses above 0, got .*{got}"):
        calibrated(falling(SPACE, 0), drawn(len(loss_N)), loss_N)
