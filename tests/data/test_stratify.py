import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpruner.data import stratified
from cpruner.errors import InputError


@given(
    counts=st.lists(st.integers(0, 30), min_size=1, max_size=5).filter(lambda counts: sum(counts) >= 3),
    seed=st.integers(0, 100),
    data=st.data(),
)
def test_parts_are_disjoint_have_their_size_and_their_proportions(
    counts: list[int], seed: int, data: st.DataObject
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    first = data.draw(st.integers(1, len(labels) - 1))
    second = data.draw(st.integers(1, len(labels) - first))
    parts = stratified(labels, (first, second), np.random.default_rng(seed))
    assert [len(part) for part in parts] == [first, second]
    assert len(set(np.concatenate(parts).tolist())) == first + second
    for part in parts:
        assert (np.diff(part) > 0).all()
        for label, count in enumerate(counts):
            fair = len(part) * count / len(labels)
            # Where a run starts and where it ends each shift a class by less than one image plus the ties of others.
            assert abs((labels[part] == label).sum() - fair) <= 2 + len(counts) * count / len(labels)


def test_equal_classes_are_split_exactly() -> None:
    labels = np.tile(np.arange(10), 50)
    search, train = stratified(labels, (100, 400), np.random.default_rng(0))
    assert np.bincount(labels[search]).tolist() == [10] * 10
    assert np.bincount(labels[train]).tolist() == [40] * 10


def test_depends_on_the_generator_only() -> None:
    labels = np.tile(np.arange(3), 20)
    first, again, other = (stratified(labels, (9,), np.random.default_rng(seed))[0] for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_every_image_can_be_drawn() -> None:
    labels = np.array([0, 0, 0, 1])
    drawn = [stratified(labels, (1,), np.random.default_rng(seed))[0][0] for seed in range(60)]
    assert set(drawn) >= {0, 1, 2}


@pytest.mark.parametrize("sizes", [(3, 3), (0, 2), (6, -1)])
def test_refuses_sizes_that_cannot_be(sizes: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="split sizes"):
        stratified(np.zeros(5, dtype=np.int64), sizes, np.random.default_rng(0))
