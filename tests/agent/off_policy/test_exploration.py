import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest, truncnorm

from cpruner.agent.off_policy.exploration import decayed, epsilon_greedy, level, nearest, truncated_normal


def test_the_scale_shrinks_to_its_floor():
    assert [decayed(0.5, 0.5, 0.1, episodes) for episodes in range(5)] == [0.5, 0.25, 0.125, 0.1, 0.1]


@pytest.mark.parametrize("mean", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("std", [0.1, 0.5])
def test_noise_has_the_truncated_normal_distribution(mean, std):
    generator = torch.Generator().manual_seed(3)
    drawn = truncated_normal(torch.full((4000,), mean, dtype=torch.float64), std, generator).numpy()
    law = truncnorm(-mean / std, (1.0 - mean) / std, loc=mean, scale=std)
    assert kstest(drawn, law.cdf).pvalue > 0.001
    assert drawn.mean() == pytest.approx(law.mean(), abs=0.02)


@given(mean=st.floats(0.0, 1.0), std=st.floats(0.0, 1e3), seed=st.integers(0, 2**31))
def test_actions_are_finite_and_legal(mean, std, seed):
    generator = torch.Generator().manual_seed(seed)
    drawn = truncated_normal(torch.full((20,), mean, dtype=torch.float64), std, generator).numpy()
    assert ((drawn >= 0.0) & (drawn <= 1.0)).all()


def test_without_deviation_the_mean_itself_is_done():
    mean_A = torch.tensor([0.2, 0.9], dtype=torch.float64)
    drawn_A = truncated_normal(mean_A, 0.0, torch.Generator().manual_seed(0))
    assert drawn_A.tolist() == [0.2, 0.9]
    assert drawn_A is not mean_A


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_any_level_is_drawn_with_probability_epsilon(epsilon):
    """A draw of any level may hit the best one: that is done with probability 1 - epsilon (1 - 1 / L)."""
    best_A = torch.full((20000,), 2)
    index_A = epsilon_greedy(best_A, 4, epsilon, torch.Generator().manual_seed(0)).numpy()
    share_L = np.bincount(index_A, minlength=4) / 20000
    others = epsilon / 4
    assert share_L == pytest.approx([others, others, 1.0 - 3 * others, others], abs=0.015)
    assert epsilon > 0.0 or share_L[2] == 1.0


def test_levels_are_evenly_spaced_from_the_lowest_to_one():
    assert level(torch.arange(4), 4, 0.1).tolist() == pytest.approx([0.1, 0.4, 0.7, 1.0])
    assert level(torch.arange(3), 3, 0.0).tolist() == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("action", "index"),
    [(0.0, 0), (0.1, 0), (0.24, 0), (0.26, 1), (0.54, 1), (0.56, 2), (0.84, 2), (0.86, 3), (1.0, 3)],
)
def test_an_action_counts_as_its_nearest_level(action, index):
    assert nearest(torch.tensor([action], dtype=torch.float64), 4, 0.1).tolist() == [index]


@given(levels=st.integers(2, 50), lowest=st.floats(0.0, 0.99))
def test_levels_are_their_own_nearest_and_legal(levels, lowest):
    index_A = torch.arange(levels)
    action_A = level(index_A, levels, lowest)
    assert torch.equal(nearest(action_A, levels, lowest), index_A)
    assert action_A[0] == lowest
    assert action_A[-1] == 1.0
