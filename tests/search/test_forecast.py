import numpy as np
import pytest
from diminishing import Array, drawn, reward
from scipy.stats import spearmanr

from cpruner.search.forecast import Forecast


def test_it_ranks_what_it_has_not_seen() -> None:
    forecast = Forecast.of(drawn(80, 0), reward(drawn(80, 0), 0.02))
    mean_M, _ = forecast.predict(drawn(200, 1))
    assert spearmanr(mean_M, reward(drawn(200, 1))).statistic > 0.9


def test_a_prior_helps_where_little_was_judged() -> None:
    seen, unseen = drawn(12, 0), drawn(200, 1)

    def prior(ratio_NG: Array) -> Array:
        return np.log(-(reward(ratio_NG) - 1.0)) * -1.0 + 3.0 * ratio_NG[:, 0] * 0.05

    alone, helped = (Forecast.of(seen, reward(seen, 0.02), given) for given in (None, prior))
    errors = [float(np.abs(found.predict(unseen)[0] - reward(unseen)).mean()) for found in (alone, helped)]
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("count", [25, 100])
def test_the_uncertainty_is_calibrated(noise: float, count: int) -> None:
    """Over several draws: the standardised errors on new candidates have about unit variance."""
    scores = []
    for seed in range(5):
        ratio_NG, unseen = drawn(count, seed), drawn(100, 50 + seed)
        forecast = Forecast.of(ratio_NG, reward(ratio_NG, noise, seed))
        mean_M, std_M = forecast.predict(unseen)
        scores += ((mean_M - reward(unseen, noise, 100 + seed)) / std_M).tolist()
    assert 0.7 < float(np.sqrt(np.mean(np.square(scores)))) < 1.5


def test_rewards_that_are_all_alike_raise_no_warning() -> None:
    forecast = Forecast.of(drawn(12, 0), np.full(12, 0.5))
    mean_M, std_M = forecast.predict(drawn(3, 1))
    assert mean_M == pytest.approx([0.5] * 3)
    assert (std_M < 1e-6).all()


def test_draws_have_the_means_and_spreads_that_are_predicted() -> None:
    forecast = Forecast.of(drawn(30, 0), reward(drawn(30, 0), 0.05))
    mean_M, std_M = forecast.predict(drawn(5, 1))
    drawn_CM = forecast.draw(drawn(5, 1), 4000, seed=0)
    np.testing.assert_allclose(drawn_CM.mean(axis=0), mean_M, atol=4 * std_M.max() / np.sqrt(4000))
    np.testing.assert_allclose(drawn_CM.std(axis=0), std_M, rtol=0.06)
    np.testing.assert_array_equal(drawn_CM[:2], forecast.draw(drawn(5, 1), 2, seed=0))


def test_proposals_that_are_alike_are_drawn_alike() -> None:
    forecast = Forecast.of(drawn(30, 0), reward(drawn(30, 0), 0.05))
    near = np.concatenate([drawn(1, 1), drawn(1, 1) + 0.01, drawn(1, 2)])
    together = np.corrcoef(forecast.draw(near, 500, seed=0).T)
    assert together[0, 1] > together[0, 2] + 0.3
