from pathlib import Path

import numpy as np
import pytest
import torch

from cpruner.data import Cifar10, Splits, TensorBatches
from cpruner.data.normalise import IMAGENET
from cpruner.errors import InputError


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """60 training and 20 test images; the first pixel of an image is its number."""
    images = np.zeros((80, 32, 32, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(80)
    labels = np.tile(np.arange(10), 8)
    file = tmp_path_factory.mktemp("cifar") / "cifar.npz"
    np.savez(file, x_train=images[:60], y_train=labels[:60], x_test=images[60:], y_test=labels[60:])
    return str(file)


def _numbers(batches: object) -> list[int]:
    assert isinstance(batches, TensorBatches)
    return batches.images[:, 0, 0, 0].tolist()


def test_search_comes_out_of_the_training_images(path: str) -> None:
    splits = Cifar10(path, search_images=20).load(seed=0)
    train, search, test = (_numbers(part) for part in (splits.train, splits.search, splits.test))
    assert sorted(train + search) == list(range(60))
    assert test == list(range(60, 80))
    assert _numbers(splits.train_eval) == train
    assert [number % 10 for number in sorted(search, key=lambda n: n % 10)] == [n // 2 for n in range(20)]


def test_training_images_can_be_limited(path: str) -> None:
    splits = Cifar10(path, search_images=20, train_images=10).load(seed=0)
    assert sorted(number % 10 for number in _numbers(splits.train)) == list(range(10))
    assert not set(_numbers(splits.train)) & set(_numbers(splits.search))


def test_batches_are_normalised_and_only_training_is_augmented(path: str) -> None:
    splits = Cifar10(path, search_images=20, batch_size=16, eval_batch_size=7).load(seed=0)
    inputs, labels = next(iter(splits.test))
    assert inputs.shape == (7, 3, 32, 32)
    assert inputs[1, 0, 0, 0].item() == pytest.approx((61 / 255 - 0.485) / 0.229)
    assert labels.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert [len(labels) for _, labels in splits.train] == [14, 13, 13]
    augmented = {part: getattr(splits, part).augment for part in ("train", "train_eval", "search", "test")}
    assert augmented == {"train": True, "train_eval": False, "search": False, "test": False}
    assert torch.equal(splits.example, IMAGENET(splits.train_eval.images[:1]))  # type: ignore[attr-defined]


def _first_batch(splits: Splits) -> torch.Tensor:
    return next(iter(splits.train))[0]


def test_seed_decides(path: str) -> None:
    first, again, other = (Cifar10(path, search_images=20).load(seed) for seed in (0, 0, 1))
    assert _numbers(first.search) == _numbers(again.search) != _numbers(other.search)
    assert torch.equal(_first_batch(first), _first_batch(again))


def test_augmentation_is_an_option(path: str) -> None:
    splits = Cifar10(path, search_images=20, augment=False).load(0)
    inputs = torch.cat([inputs for inputs, _ in splits.train])
    plain = torch.cat([inputs for inputs, _ in splits.train_eval])
    assert sorted(inputs[:, 0, 0, 0].tolist()) == sorted(plain[:, 0, 0, 0].tolist())


@pytest.mark.parametrize(("search", "train"), [(60, None), (70, None), (30, 31)])
def test_refuses_more_than_there_is(path: str, search: int, train: int | None) -> None:
    with pytest.raises(InputError, match="split sizes"):
        Cifar10(path, search_images=search, train_images=train).load(0)


def test_refuses_options_before_any_work() -> None:
    with pytest.raises(InputError, match=r"Cifar10\.batch_size"):
        Cifar10("/no/such/file", batch_size=0)


@pytest.mark.cifar
def test_the_published_images(cifar_npz: Path) -> None:
    splits = Cifar10(str(cifar_npz), search_images=1000).load(0)
    sizes = [len(_numbers(part)) for part in (splits.train, splits.search, splits.test)]
    assert sizes == [4000, 1000, 10_000]
    labels = torch.cat([labels for _, labels in splits.test])
    assert torch.bincount(labels).tolist() == [1000] * 10
