from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surrogates import chained, falling, made

from cpruner.errors import InputError
from cpruner.surrogate import Surrogate, calibrated
from cpruner.surrogate.calibrate import RIDGES, _Judged

SPACE = chained(3, 8, 9, 7, 4)
FACTORS = np.array([0.5, 2.0, 0.05])


def drawn(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, np.array(SPACE.sizes) + 1, (count, 3))


def truth(one: Surrogate, **shape: float) -> Surrogate:
    """Groups count differently, and the loss is no plain sum."""
    return replace(one, factor_G=FACTORS, **{"base": 0.7, "gain": 1.5, "offset": 0.4, "power": 0.8, **shape})


def losses(one: Surrogate, width_NG: np.ndarray, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Those of the truth, times log-normal noise."""
    loss_N: np.ndarray = np.exp(truth(one).predict(width_NG))
    return loss_N * np.exp(noise * np.random.default_rng(seed).normal(size=len(width_NG)))


@pytest.mark.parametrize("shape", [{}, {"gain": 3.0, "offset": 1.0}, {"gain": 0.7, "power": 1.3}])
def test_what_made_the_losses_is_found_again(shape: dict[str, float]) -> None:
    one, width_NG, held_out = falling(SPACE, 0), drawn(400), drawn(100, 1)
    true = truth(one, **shape)
    found = calibrated(one, width_NG, np.exp(true.predict(width_NG)))
    assert found.predict(held_out) == pytest.approx(true.predict(held_out), abs=0.03)
    # no more than their order: power, gain and factors make up for one another
    assert found.factor_G[1] > found.factor_G[0] > found.factor_G[2]


def test_one_factor_for_all_is_found_by_few_judgements_without_noise() -> None:
    one, width_NG, held_out = falling(SPACE, 0), drawn(6), drawn(100, 1)
    true = replace(one, factor_G=3 * np.ones(3), base=-1.0)
    found = calibrated(one, width_NG, np.exp(true.predict(width_NG)))
    assert found.factor_G.max() / found.factor_G.min() < 1.3
    assert np.corrcoef(found.predict(held_out), true.predict(held_out))[0, 1] > 0.98


@pytest.mark.integration
def test_few_noisy_judgements_leave_the_factors_near_one_another() -> None:
    """Where they say little of single groups; many of them tell the groups apart."""
    one = falling(SPACE, 0)

    def spread(count: int) -> float:
        width_NG = drawn(count)
        true = replace(one, factor_G=np.array([1.0, 1.3, 0.7]))
        noise_N = np.exp(0.5 * np.random.default_rng(1).normal(size=count))
        factor_G = calibrated(one, width_NG, np.exp(true.predict(width_NG)) * noise_N).factor_G
        return float(factor_G.max() / factor_G.min())

    assert spread(8) < 1.4
    assert spread(4000) > 1.5


def test_a_group_that_is_never_cut_gets_the_common_factor() -> None:
    one, width_NG = falling(SPACE, 0), drawn(60)
    width_NG[:, 2] = SPACE.sizes[2]
    true = replace(one, factor_G=2 * np.ones(3))
    found = calibrated(one, width_NG, np.exp(true.predict(width_NG)))
    assert found.factor_G[2] == pytest.approx(np.exp(np.log(found.factor_G[:2]).mean()), rel=0.1)


@pytest.mark.integration
@settings(max_examples=10)
@given(st.integers(0, 1000), st.integers(4, 40))
def test_more_error_is_never_better(seed: int, count: int) -> None:
    """Losses that have nothing to do with the widths, so that half of the best factors would be negative."""
    generator = np.random.default_rng(seed)
    found = calibrated(falling(SPACE, seed), drawn(count, seed), generator.lognormal(size=count))
    assert (found.factor_G >= 0).all()
    assert min(found.gain, found.offset, found.power) > 0
    assert np.isfinite(found.predict(drawn(5))).all()


def test_a_loss_that_falls_with_the_error_says_nothing() -> None:
    one, width_NG = falling(SPACE, 0), drawn(500)
    loss_N = np.exp(-one.errors(width_NG).sum(axis=1))
    found = calibrated(one, width_NG, loss_N)
    assert np.ptp(found.predict(width_NG)) < 0.05 * np.ptp(np.log(loss_N))
    assert found.predict(width_NG).mean() == pytest.approx(np.log(loss_N).mean(), abs=1e-3)


def test_errors_that_are_all_zero_leave_the_mean() -> None:
    one = made(SPACE, [[0.0] * (size + 1) for size in SPACE.sizes])
    found = calibrated(one, drawn(8), np.exp(np.arange(8.0)))
    assert found.predict(drawn(3)) == pytest.approx([3.5] * 3)


def test_the_slopes_are_those_of_the_prediction() -> None:
    generator, one = np.random.default_rng(0), falling(SPACE, 0)
    known = _Judged(one.errors(drawn(20)), generator.normal(size=20), np.ones(20))
    here_P = 0.3 * generator.normal(size=6)
    for number, slope_N in enumerate(known.slopes(here_P).T):
        step_P = 1e-6 * np.eye(6)[number]
        expected_N = (known.predict(here_P + step_P) - known.predict(here_P - step_P)) / 2e-6
        assert slope_N == pytest.approx(expected_N, abs=1e-6)


def test_what_weighs_nothing_does_not_count() -> None:
    one, width_NG, held_out = falling(SPACE, 0), drawn(200), drawn(100, 1)
    loss_N, weight_N = losses(one, width_NG), np.ones(200)
    loss_N[::3], weight_N[::3] = 5.0, 0.0

    def wrong(**given: np.ndarray) -> float:
        found = calibrated(one, width_NG, loss_N, **given)
        return float(np.abs(found.predict(held_out) - truth(one).predict(held_out)).max())

    assert wrong(weight_N=weight_N) < 0.05
    assert wrong() > 0.3


def test_weights_are_relative_and_equal_without() -> None:
    one, width_NG = falling(SPACE, 0), drawn(30)
    loss_N = losses(one, width_NG, noise=0.3)
    plain = calibrated(one, width_NG, loss_N)
    for scale in (1.0, 1e3):
        same = calibrated(one, width_NG, loss_N, weight_N=np.full(30, scale))
        assert same.factor_G == pytest.approx(plain.factor_G)
        assert same.base == pytest.approx(plain.base)


def test_what_was_there_before_does_not_matter() -> None:
    one, width_NG = falling(SPACE, 0), drawn(30)
    loss_N = losses(one, width_NG, noise=0.3)
    once = calibrated(one, width_NG, loss_N)
    twice = calibrated(once, width_NG, loss_N)
    assert np.array_equal(once.factor_G, twice.factor_G)
    assert once.base == twice.base
    assert once.space is one.space
    assert once.error_GW is one.error_GW


def test_by_hand_with_one_group() -> None:
    """Two points on a line, with nothing that pulls away from it: the base moves freely, and so does the gain."""
    one = made(chained(2, 2, 2), ([9.0, 1.0, 0.0],))
    found = calibrated(one, np.array([[2], [1]] * 20), np.exp([1.0, 3.0] * 20))
    assert found.predict(np.array([[2], [1]])) == pytest.approx([1, 3], abs=0.05)


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
