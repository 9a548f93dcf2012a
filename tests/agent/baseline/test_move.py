import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cpruner.agent.baseline.move import jump


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@given(st.integers(1, 6), st.integers(1, 9), st.floats(0.0, 3.0), st.integers(0, 99))
def test_few_components_move_and_stay_legal(steps, components, std, seed):
    old = np.linspace(0.0, 1.0, 2 * steps).reshape(steps, 2)
    before = old.copy()
    new = jump(old, components, std, generator(seed))
    assert new.shape == old.shape
    assert (new != old).sum() <= components
    assert new.min() >= 0.0
    assert new.max() <= 1.0
    assert np.array_equal(old, before)


def test_moves_have_the_std_and_reach_all_components_alike():
    draws, source = np.full((4000, 5), 0.5), generator()
    draws = np.stack([jump(row[:, None], 2, 0.1, source)[:, 0] for row in draws]) - 0.5
    assert ((draws != 0.0).sum(axis=1) == 2).all()
    assert (draws != 0.0).mean(axis=0) == pytest.approx(np.full(5, 0.4), abs=0.03)
    assert draws[draws != 0.0].std() == pytest.approx(0.1, rel=0.03)
    assert draws[draws != 0.0].mean() == pytest.approx(0.0, abs=0.005)


def test_the_generator_decides():
    old = np.full((6, 1), 0.5)
    assert np.array_equal(jump(old, 2, 0.1, generator(3)), jump(old, 2, 0.1, generator(3)))
    assert not np.array_equal(jump(old, 2, 0.1, generator(3)), jump(old, 2, 0.1, generator(4)))
