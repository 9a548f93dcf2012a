import pickle
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torchvision.datasets
from PIL import Image

from cpruner.data.cifar10_source import DOWNLOADED, read_cifar10
from cpruner.errors import InputError

Arrays = dict[str, Any]


def _arrays() -> Arrays:
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    labels = np.tile(np.arange(10, dtype=np.uint8), 3)
    return {"x_train": images[:20], "y_train": labels[:20], "x_test": images[20:], "y_test": labels[20:]}


def _saved(folder: Path, arrays: Arrays) -> str:
    np.savez(folder / "cifar.npz", **arrays)
    return str(folder / "cifar.npz")


def test_npz(tmp_path: Path) -> None:
    arrays = _arrays()
    read = read_cifar10(_saved(tmp_path, arrays))
    assert np.array_equal(read.x_test, arrays["x_test"])
    assert read.y_train.tolist() == arrays["y_train"].tolist()
    assert read.y_train.dtype == np.int64


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("x_train", np.zeros((20, 3, 32, 32), np.uint8), r"x_train: expected uint8 images of shape \(N, 32, 32, 3\)"),
        ("x_train", np.zeros((20, 32, 32, 3), np.float32), "x_train: expected uint8"),
        ("x_test", np.zeros((0, 32, 32, 3), np.uint8), "x_test: expected uint8"),
        ("y_test", np.zeros(9, np.uint8), "y_test: expected 10 class numbers"),
        ("y_train", np.full(20, 10), "y_train: expected 20 class numbers"),
        ("y_train", np.full(20, -1), "y_train: expected 20 class numbers"),
        ("y_train", np.zeros(20), "y_train: expected whole numbers, got float64"),
        ("y_train", np.array([{}] * 20), "expected arrays of numbers"),
    ],
)
def test_npz_with_something_else(tmp_path: Path, key: str, value: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_cifar10(_saved(tmp_path, _arrays() | {key: value}))


def test_npz_without_an_array(tmp_path: Path) -> None:
    arrays = _arrays()
    del arrays["y_test"], arrays["x_train"]
    with pytest.raises(InputError, match="got no x_train, y_test"):
        read_cifar10(_saved(tmp_path, arrays))


def test_files_that_are_no_npz(tmp_path: Path) -> None:
    file = tmp_path / "cifar.npz"
    for content in (b"", b"text", pickle.dumps({})):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"expected an \.npz file"):
            read_cifar10(str(file))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing there.*train/ and test/"):
        read_cifar10(str(tmp_path / "none"))
    with pytest.raises(InputError, match="a folder without them"):
        read_cifar10(str(tmp_path))


def _write_folder(root: Path, arrays: Arrays) -> None:
    for split in ("train", "test"):
        for index, (image, label) in enumerate(zip(arrays[f"x_{split}"], arrays[f"y_{split}"], strict=True)):
            place = root / split / f"class{label}"
            place.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(place / f"{index:03}.png")


def test_folder_of_images(tmp_path: Path) -> None:
    arrays = _arrays()
    _write_folder(tmp_path, arrays)
    read = read_cifar10(str(tmp_path))
    order = np.argsort(arrays["y_train"], kind="stable")  # folders are read class by class
    assert np.array_equal(read.x_train, arrays["x_train"][order])
    assert read.y_train.tolist() == arrays["y_train"][order].tolist()
    assert len(read.x_test) == 10


def test_folder_with_other_images(tmp_path: Path) -> None:
    arrays = _arrays()
    _write_folder(tmp_path, arrays)
    Image.new("RGB", (16, 32)).save(tmp_path / "train" / "class0" / "000.png")
    with pytest.raises(InputError, match=r"000\.png: expected 32x32 pixels, got 16x32"):
        read_cifar10(str(tmp_path))


def test_folder_with_other_classes(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "test").mkdir()
    with pytest.raises(InputError, match="one folder of images per class"):
        read_cifar10(str(tmp_path))
    (tmp_path / "train" / "cat").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "train" / "cat" / "0.png")
    with pytest.raises(InputError, match="ten class folders"):
        read_cifar10(str(tmp_path))


def test_damaged_download_folder(tmp_path: Path) -> None:
    (tmp_path / DOWNLOADED).mkdir()
    for path in (tmp_path, tmp_path / DOWNLOADED):
        with pytest.raises(InputError, match="the published files"):
            read_cifar10(str(path))


def test_torchvision_reads_or_downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays, calls = _arrays(), []

    def fake(root: str, *, train: bool, download: bool) -> Any:
        calls.append((root, download))
        split = "train" if train else "test"
        return SimpleNamespace(data=arrays[f"x_{split}"], targets=arrays[f"y_{split}"].tolist())

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fake)
    monkeypatch.setenv("CPRUNER_CACHE", str(tmp_path))
    (tmp_path / DOWNLOADED).mkdir()
    assert read_cifar10(None).y_train.tolist() == arrays["y_train"].tolist()
    assert len(read_cifar10(str(tmp_path)).x_test) == 10
    assert calls == [(str(tmp_path / "cifar10"), True)] * 2 + [(str(tmp_path), False)] * 2


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(root: str, *, train: bool, download: bool) -> Any:
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fake)
    with pytest.raises(InputError, match=r"CIFAR-10 download.*no route to host.*data\.path"):
        read_cifar10(None)
