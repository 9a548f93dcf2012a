import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import spearmanr

from cpruner.errors import InputError
from cpruner.search.assistant import Assistant, Assisting

Array = NDArray[np.float64]


def reward(ratio_NG: Array, noise: float = 0.0, seed: int = 0) -> Array:
    """Diminishing returns, with noise."""
    weight_G = np.linspace(0.2, 1.0, ratio_NG.shape[1])
    quiet_N = 1.0 - (weight_G * np.exp(-3.0 * ratio_NG)).sum(axis=1)
    return np.asarray(quiet_N + noise * np.random.default_rng(seed).standard_normal(len(ratio_NG)))


def drawn(count: int, seed: int, groups: int = 6) -> Array:
    return np.random.default_rng(seed).uniform(0.1, 1.0, (count, groups))


def test_it_ranks_what_it_has_not_seen() -> None:
    forecast = Assistant().fit(drawn(80, 0), reward(drawn(80, 0), 0.02))
    mean_M, _ = forecast.predict(drawn(200, 1))
    assert spearmanr(mean_M, reward(drawn(200, 1))).statistic > 0.9


def test_a_prior_helps_where_little_was_judged() -> None:
    seen, unseen = drawn(12, 0), drawn(200, 1)

    def prior(ratio_NG: Array) -> Array:
        return np.log(-(reward(ratio_NG) - 1.0)) * -1.0 + 3.0 * ratio_NG[:, 0] * 0.05

    alone, helped = (Assistant().fit(seen, reward(seen, 0.02), given) for given in (None, prior))
    errors = [float(np.abs(found.predict(unseen)[0] - reward(unseen)).mean()) for found in (alone, helped)]
    assert errors[1] < 0.7 * errors[0]


@pytest.mark.parametrize("noise", [0.01, 0.1])
@pytest.mark.parametrize("count", [25, 100])
def test_the_uncertainty_is_calibrated(noise: float, count: int) -> None:
    """Over several draws: the standardised errors on new candidates have about unit variance."""
    scores = []
    for seed in range(5):
        ratio_NG, unseen = drawn(count, seed), drawn(100, 50 + seed)
        forecast = Assistant().fit(ratio_NG, reward(ratio_NG, noise, seed))
        mean_M, std_M = forecast.predict(unseen)
        scores += ((mean_M - reward(unseen, noise, 100 + seed)) / std_M).tolist()
    assert 0.7 < float(np.sqrt(np.mean(np.square(scores)))) < 1.5


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 99), st.integers(1, 8))
def test_distinct_proposals_are_chosen_and_the_same_ones_for_the_same_seed(seed: int, count: int) -> None:
    forecast = Assistant().fit(drawn(20, 0), reward(drawn(20, 0)))
    chosen = forecast.choose(drawn(8, 1), count, seed)
    assert chosen == sorted(set(chosen))
    assert len(chosen) == count
    assert forecast.choose(drawn(8, 1), count, seed) == chosen


def test_what_is_chosen_is_better_than_what_is_proposed() -> None:
    forecast = Assistant().fit(drawn(40, 0), reward(drawn(40, 0), 0.02))
    proposals = drawn(200, 1)
    chosen = forecast.choose(proposals, 20, seed=0)
    assert reward(proposals)[chosen].mean() > np.quantile(reward(proposals), 0.8)


def test_rewards_that_are_all_alike_raise_no_warning() -> None:
    forecast = Assistant().fit(drawn(12, 0), np.full(12, 0.5))
    mean_M, std_M = forecast.predict(drawn(3, 1))
    assert mean_M == pytest.approx([0.5] * 3)
    assert (std_M < 1e-6).all()


def test_options_are_checked() -> None:
    with pytest.raises(InputError, match=r"Assistant\.proposals: expected a number in \[1, inf\], got 0"):
        Assistant(proposals=0)


def test_what_was_judged_or_chosen_comes_last() -> None:
    seen = drawn(20, 0)
    forecast = Assistant().fit(seen, reward(seen))
    proposals = np.concatenate([seen[:3], drawn(2, 1), drawn(2, 1)])
    assert {tuple(proposals[number]) for number in forecast.choose(proposals, 2, 0)} == set(map(tuple, drawn(2, 1)))
    assert forecast.choose(seen[:3], 2, 0) == sorted(set(forecast.choose(seen[:3], 2, 0)))  # where nothing else is left


@pytest.mark.parametrize("seed", range(5))
def test_proposals_for_budgets_of_their_own_are_not_compared_with_each_other(seed: int) -> None:
    forecast = Assistant().fit(drawn(40, 0), reward(drawn(40, 0)))
    wide, narrow = 0.8 + 0.2 * drawn(4, 1), 0.2 * drawn(4, 2)
    proposals = np.concatenate([wide, narrow])
    together, apart = (forecast.choose(proposals, 2, seed, apart=told) for told in (False, True))
    assert [number // 4 for number in together] == [0, 0]
    assert [number // 4 for number in apart] == [0, 1]
    assert apart == sorted(apart)


def test_what_was_judged_is_chosen_again_where_there_is_nothing_else_for_a_budget() -> None:
    seen = drawn(20, 0)
    forecast = Assistant().fit(seen, reward(seen))
    proposals = np.concatenate([seen[:2], drawn(2, 1)])
    assert [number // 2 for number in forecast.choose(proposals, 2, 0, apart=True)] == [0, 1]


def test_promising_proposals_are_chosen() -> None:
    seen, proposals = drawn(60, 0), drawn(40, 1)
    chosen = Assisting(Assistant()).choose(seen, reward(seen, 0.01), proposals, 5)
    assert reward(proposals)[chosen].mean() > np.quantile(reward(proposals), 0.8)


def test_what_earlier_searches_judged_counts_as_well() -> None:
    seen, proposals = drawn(60, 0), drawn(40, 1)
    whole = Assisting(Assistant()).choose(seen, reward(seen), proposals, 5)
    parts = Assisting(Assistant(), ratio_NG=seen[:30], reward_N=reward(seen[:30]))
    assert parts.choose(seen[30:], reward(seen[30:]), proposals, 5) == whole


def test_the_same_judgements_give_the_same_choice() -> None:
    seen, proposals = drawn(15, 0), drawn(12, 1)
    choices = [Assisting(Assistant()).choose(seen, reward(seen, 0.1), proposals, 4) for _ in range(2)]
    assert choices[0] == choices[1]


def test_there_is_something_to_choose_with_several_proposals_or_with_moves() -> None:
    chooses = {(p, m): Assistant(proposals=p, moves=m).chooses for p in (1, 2) for m in (0, 1)}
    assert chooses == {(1, 0): False, (1, 1): True, (2, 0): True, (2, 1): True}
    assert not Assisting(Assistant(proposals=1, moves=0)).ready(1000)


def test_it_is_ready_once_enough_was_judged_now_or_earlier() -> None:
    assert [Assisting(Assistant(fewest=4)).ready(judged) for judged in (0, 3, 4)] == [False, False, True]
    told = Assisting(Assistant(fewest=4), ratio_NG=drawn(3, 0), reward_N=reward(drawn(3, 0)))
    assert [told.ready(judged) for judged in (0, 1)] == [False, True]
