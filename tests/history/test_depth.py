import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cpruner.history.depth import resampled

RATIOS = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(1, 6)), elements=st.floats(0.1, 1.0))


def test_in_between_it_is_linear() -> None:
    np.testing.assert_allclose(resampled(np.array([[0.2, 0.6, 1.0]]), 5), [[0.2, 0.4, 0.6, 0.8, 1.0]])
    np.testing.assert_allclose(resampled(np.array([[0.2, 0.6, 1.0], [1.0, 0.0, 0.5]]), 2), [[0.2, 1.0], [1.0, 0.5]])


@pytest.mark.parametrize(("groups", "expected"), [(1, [0.3]), (3, [0.3, 0.3, 0.3])])
def test_one_group_is_at_the_beginning(groups: int, expected: list[float]) -> None:
    np.testing.assert_array_equal(resampled(np.array([[0.3]]), groups), [expected])
    np.testing.assert_array_equal(resampled(np.array([[0.3, 0.9]]), 1), [[0.3]])


@given(RATIOS, st.integers(1, 8))
def test_ends_stay_and_nothing_leaves_the_range(ratio_NS: np.ndarray, groups: int) -> None:
    found = resampled(ratio_NS, groups)
    assert found.shape == (len(ratio_NS), groups)
    np.testing.assert_array_equal(found[:, 0], ratio_NS[:, 0])
    if groups > 1:
        np.testing.assert_allclose(found[:, -1], ratio_NS[:, -1])
    assert (found >= ratio_NS.min(axis=1, keepdims=True) - 1e-12).all()
    assert (found <= ratio_NS.max(axis=1, keepdims=True) + 1e-12).all()


@given(RATIOS)
def test_the_same_depth_changes_nothing_and_there_and_back_neither(ratio_NS: np.ndarray) -> None:
    groups = ratio_NS.shape[1]
    np.testing.assert_allclose(resampled(ratio_NS, groups), ratio_NS)
    if groups > 1:
        np.testing.assert_allclose(resampled(resampled(ratio_NS, 2 * groups - 1), groups), ratio_NS)


def test_nothing_gives_nothing() -> None:
    assert resampled(np.zeros((0, 4)), 7).shape == (0, 7)
