from pathlib import Path

import pytest
import torch
from PIL import Image

from cpruner.data import FolderBatches, ImageFolder
from cpruner.errors import InputError


def _write(root: Path, split: str, counts: dict[str, int]) -> None:
    """Images of one colour each; red counts through the class."""
    for name, count in counts.items():
        (root / split / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (12, 10), (number, 100, 200)).save(root / split / name / f"{number:02}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    _write(tmp_path, "train", {"cat": 12, "dog": 6})
    _write(tmp_path, "test", {"cat": 2, "dog": 3})
    return tmp_path


def _spec(root: Path, **options: int) -> ImageFolder:
    return ImageFolder(str(root), search_images=6, resize=8, crop=6, **options)


def _rows(batches: object) -> set[int]:
    assert isinstance(batches, FolderBatches)
    return set(batches.rows)


def test_splits(root: Path) -> None:
    splits = _spec(root, batch_size=4).load(0)
    assert splits.classes == 2
    assert splits.name == root.name
    assert _rows(splits.train) | _rows(splits.search) == set(range(18))
    assert not _rows(splits.train) & _rows(splits.search)
    assert _rows(splits.train) == _rows(splits.train_eval)
    labels = torch.cat([labels for _, labels in splits.search])
    assert torch.bincount(labels).tolist() == [4, 2]
    assert sum(len(labels) for _, labels in splits.test) == 5


def test_images_are_resized_cut_out_and_normalised(root: Path) -> None:
    splits = _spec(root).load(0)
    inputs, labels = next(iter(splits.test))
    assert inputs.shape == (5, 3, 6, 6)
    assert splits.example.shape == (1, 3, 6, 6)
    assert labels.tolist() == [0, 0, 1, 1, 1]
    assert inputs[1, :, 3, 3].tolist() == pytest.approx(
        [(1 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (200 / 255 - 0.406) / 0.225]
    )


def test_training_is_augmented_from_the_seed(root: Path) -> None:
    for path in (root / "train").glob("*/*.png"):  # one colour would hide a crop
        Image.linear_gradient("L").resize((12, 10)).convert("RGB").save(path)
    first, again = (torch.cat([inputs for inputs, _ in _spec(root).load(0).train]) for _ in range(2))
    assert torch.equal(first, again)
    plain = torch.cat([inputs for inputs, _ in _spec(root, augment=False).load(0).train])
    assert len({tuple(image.flatten().tolist()) for image in plain}) == 1
    assert len({tuple(image.flatten().tolist()) for image in first}) > 6


def test_val_will_do_for_test(root: Path) -> None:
    (root / "test").rename(root / "val")
    assert sum(len(labels) for _, labels in _spec(root).load(0).test) == 5


def test_training_images_can_be_limited(root: Path) -> None:
    splits = _spec(root, train_images=3).load(0)
    assert len(_rows(splits.train)) == 3
    assert not _rows(splits.train) & _rows(splits.search)


def test_missing_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"folders of images in .*/train.*Lay images out"):
        _spec(tmp_path).load(0)
    _write(tmp_path, "train", {"cat": 8})
    with pytest.raises(InputError, match=r"folders of images in .*/val"):
        _spec(tmp_path).load(0)


def test_classes_must_be_the_same(root: Path) -> None:
    (root / "test" / "dog").rename(root / "test" / "wolf")
    with pytest.raises(InputError, match="2 only in one of them, such as dog, wolf"):
        _spec(root).load(0)


def test_refuses_a_crop_that_is_larger_than_the_image() -> None:
    with pytest.raises(InputError, match=r"ImageFolder\.crop"):
        ImageFolder("anywhere", resize=10, crop=11)


def test_other_means_are_options(root: Path) -> None:
    splits = ImageFolder(str(root), search_images=6, resize=8, crop=6, mean=[0.0] * 3, std=[1.0] * 3).load(0)
    inputs, _ = next(iter(splits.test))
    assert inputs[1, :, 0, 0].tolist() == pytest.approx([1 / 255, 100 / 255, 200 / 255])
