import pytest
import torch
from sklearn.datasets import load_digits

from cpruner.data import DataSpec, Digits, Splits, TensorBatches
from cpruner.errors import InputError


@pytest.fixture(scope="module")
def splits() -> Splits:
    spec: DataSpec = Digits()
    return spec.load(seed=3)


def _held(batches: object) -> TensorBatches:
    assert isinstance(batches, TensorBatches)
    return batches


def test_sizes_and_example(splits: Splits) -> None:
    sizes = [len(_held(part).images) for part in (splits.train, splits.train_eval, splits.search, splits.test)]
    assert sizes == [1079, 1079, 359, 359]
    assert splits.example.shape == (1, 1, 8, 8)
    assert splits.classes == 10


def test_splits_are_disjoint_and_complete(splits: Splits) -> None:
    parts = [_held(part).images for part in (splits.train, splits.search, splits.test)]
    rows = torch.cat(parts).flatten(1)
    original = torch.from_numpy(load_digits().data).float()
    scale = (rows.max() - rows.min()) / 16
    restored = (rows - rows.min()) / scale
    expected = sorted(map(tuple, original.round().int().tolist()))
    assert sorted(map(tuple, restored.round().int().tolist())) == expected  # no two of the digits are equal
    assert len(set(expected)) == 1797


def test_every_split_has_the_class_proportions(splits: Splits) -> None:
    whole = torch.bincount(torch.from_numpy(load_digits().target)) / 1797
    for part in (splits.train, splits.search, splits.test):
        labels = _held(part).labels
        assert (torch.bincount(labels) - whole * len(labels)).abs().max() <= 1.5


def test_normalised_with_the_training_images_alone(splits: Splits) -> None:
    train, test = _held(splits.train).images, _held(splits.test).images
    assert train.mean().item() == pytest.approx(0, abs=1e-5)
    assert train.std().item() == pytest.approx(1, abs=1e-5)
    assert abs(test.mean().item()) > 1e-4


def test_only_training_is_shuffled(splits: Splits) -> None:
    assert _held(splits.train).generator is not None
    assert all(_held(part).generator is None for part in (splits.train_eval, splits.search, splits.test))
    assert torch.equal(_held(splits.train).images, _held(splits.train_eval).images)


def test_seed_decides() -> None:
    first, again, other = (Digits().load(seed) for seed in (1, 1, 2))
    assert torch.equal(_held(first.search).images, _held(again.search).images)
    assert not torch.equal(_held(first.search).images, _held(other.search).images)
    assert torch.equal(next(iter(first.train))[0], next(iter(again.train))[0])


def test_shares_are_options() -> None:
    splits = Digits(search_share=0.1, test_share=0.5).load(0)
    assert [len(_held(part).images) for part in (splits.search, splits.test)] == [180, 898]
    with pytest.raises(InputError, match="Leave some images"):
        Digits(search_share=0.5, test_share=0.5)
    with pytest.raises(InputError, match=r"Digits\.search_share"):
        Digits(search_share=0.0)
