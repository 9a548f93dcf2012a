import numpy as np
import pytest

from cpruner.errors import InputError
from cpruner.report import probe
from cpruner.report.probe import FEWEST

NAMES = ("position", "noise", "signal")


def episodes(count=200, steps=4, noise=0.0, seed=0):
    """The entry ``signal`` is a running sum of steps of equal variance, whose total is the return."""
    random = np.random.default_rng(seed)
    total_NT = random.normal(size=(count, steps)).cumsum(axis=1)
    position_NT = np.broadcast_to(np.arange(steps) / steps, total_NT.shape)
    observation_NTO = np.stack([position_NT, random.normal(size=total_NT.shape), total_NT], axis=2)
    return observation_NTO, total_NT[:, -1] + noise * random.normal(size=count), np.arange(count)


def test_each_position_predicts_what_is_known_there():
    found = probe(*episodes(2000), NAMES)
    assert found.r2_T == pytest.approx([0.25, 0.5, 0.75, 1.0], abs=0.04)
    assert found.baseline_r2_T == pytest.approx([0.0] * 4, abs=0.01)
    assert (found.episodes, found.distinct) == (2000, 2000)
    # one slope for all: sum_t Cov(x_t, y) / sum_t Var(x_t) = 1, as both are t; it leaves errors of T - t at t
    assert found.pooled_r2 == pytest.approx(1 - (3 + 2 + 1 + 0) / 16, abs=0.03)


def test_noise_bounds_what_can_be_predicted():
    assert probe(*episodes(2000, noise=2.0), NAMES).r2_T[-1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_predicted(seed):
    observation_NTO, return_N, group_N = episodes(60, seed=seed)
    found = probe(observation_NTO[:, :, :2], return_N, group_N, NAMES[:2])
    assert max(found.r2_T) < 0.15
    assert found.r2_T == pytest.approx(found.baseline_r2_T, abs=0.25)


def test_the_entry_that_matters_is_named():
    found = probe(*episodes(2000), NAMES)
    assert list(found.weight) == list(NAMES)
    # without the signal the mean is left, and all of R^2 is lost
    assert found.weight["signal"] == pytest.approx(np.mean([0.25, 0.5, 0.75, 1.0]), abs=0.04)
    assert found.weight["position"] == pytest.approx(0.0, abs=1e-12)  # constant at every position
    assert abs(found.weight["noise"]) < 0.01


def test_scales_do_not_matter():
    observation_NTO, return_N, group_N = episodes()
    usual = probe(observation_NTO, return_N, group_N, NAMES)
    scaled = probe(observation_NTO * [1.0, 1e3, 1e-3] + 7.0, 1e4 * return_N - 3.0, group_N, NAMES)
    assert scaled.r2_T == pytest.approx(usual.r2_T, abs=0.01)
    assert scaled.pooled_r2 == pytest.approx(usual.pooled_r2, abs=0.01)


def test_equal_episodes_are_left_out_together():
    return_N = np.random.default_rng(1).normal(size=26)
    memorable = np.random.default_rng(2).normal(size=(26, 4, 40))  # enough entries to recognise every episode
    again = (np.concatenate([memorable] * 4), np.concatenate([return_N] * 4))
    names = [str(number) for number in range(40)]
    together, apart = probe(*again, np.tile(np.arange(26), 4), names), probe(*again, np.arange(104), names)
    assert (together.episodes, together.distinct, apart.distinct) == (104, 26, 104)
    assert max(together.r2_T) < 0.5
    assert min(apart.r2_T) > 0.9


def test_the_same_episodes_give_the_same_numbers():
    assert probe(*episodes(), NAMES) == probe(*episodes(), NAMES)


def test_too_few_episodes_are_refused():
    observation_NTO, return_N, _ = episodes(100)
    with pytest.raises(InputError, match=f"at least {FEWEST} that differ in their actions, got 19"):
        probe(observation_NTO, return_N, np.arange(100) % 19, NAMES)


def test_equal_returns_are_refused():
    observation_NTO, return_N, group_N = episodes()
    with pytest.raises(InputError, match=r"returns: expected some that differ, got 0\.5 alone"):
        probe(observation_NTO, np.full_like(return_N, 0.5), group_N, NAMES)
