"""Where the CIFAR-10 images come from: an .npz file, a folder, or a download. Axis letters: N images, H, W, C."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cpruner.data.cache import data_cache
from cpruner.errors import InputError

KEYS = ("x_train", "y_train", "x_test", "y_test")
CLASSES = 10
SIDE = 32
DOWNLOADED = "cifar-10-batches-py"
REMEDY = (
    "Give data.path an .npz file with x_train, y_train, x_test, y_test, the folder torchvision downloads to, "
    "or a folder with train/ and test/ that hold one folder of images per class."
)


@dataclass(frozen=True, eq=False)
class Cifar10Arrays:
    """The dataset as it is published.

    Args:
        x_train: Training images, uint8, shape (N, 32, 32, 3).
        y_train: Their class numbers 0..9, int64, shape (N,).
        x_test: Test images, same layout.
        y_test: Their class numbers.

    Raises:
        InputError: If a shape, type or label is not as said.
    """

    x_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    x_test: NDArray[np.uint8]
    y_test: NDArray[np.int64]

    def __post_init__(self) -> None:
        for images, labels, split in ((self.x_train, self.y_train, "train"), (self.x_test, self.y_test, "test")):
            if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE, 3) or len(images) == 0:
                raise _refusal(f"x_{split}", "uint8 images of shape (N, 32, 32, 3)", f"{images.dtype} {images.shape}")
            if labels.shape != (len(images),) or labels.min() < 0 or labels.max() >= CLASSES:
                raise _refusal(f"y_{split}", f"{len(images)} class numbers 0..9", f"shape {labels.shape}")


def read_cifar10(path: str | None) -> Cifar10Arrays:
    """Read all images.

    Args:
        path: An .npz file, a folder (torchvision's or one folder per class), or None to download with torchvision.

    Raises:
        InputError: If there is nothing at ``path`` or it does not hold CIFAR-10.
    """
    if path is None:
        return _read_torchvision(data_cache() / "cifar10", download=True)
    place = Path(path).expanduser()
    if place.is_file():
        return _read_npz(place)
    if place.name == DOWNLOADED and place.is_dir():
        return _read_torchvision(place.parent, download=False)
    if (place / DOWNLOADED).is_dir():
        return _read_torchvision(place, download=False)
    if (place / "train").is_dir() and (place / "test").is_dir():
        return Cifar10Arrays(*_read_folder(place / "train"), *_read_folder(place / "test"))
    got = "a folder without them" if place.is_dir() else "nothing there"
    raise _refusal(f"path {place}", "CIFAR-10 images", got)


def _read_npz(place: Path) -> Cifar10Arrays:
    if not zipfile.is_zipfile(place):
        raise _refusal(f"path {place}", "an .npz file", "another kind of file, or a damaged one")
    with np.load(place, allow_pickle=False) as file:
        missing = [key for key in KEYS if key not in file.files]
        if missing:
            raise _refusal(f"path {place}", f"arrays {', '.join(KEYS)}", f"no {', '.join(missing)}")
        try:
            x_train, y_train, x_test, y_test = (file[key] for key in KEYS)
        except (ValueError, zipfile.BadZipFile) as error:  # ValueError: pickled objects, which are never loaded
            raise _refusal(f"path {place}", "arrays of numbers", str(error)) from error
    return Cifar10Arrays(x_train, _class_numbers("y_train", y_train), x_test, _class_numbers("y_test", y_test))


def _class_numbers(name: str, labels: NDArray[Any]) -> NDArray[np.int64]:
    if not np.issubdtype(labels.dtype, np.integer):
        raise _refusal(name, "whole numbers", str(labels.dtype))
    return labels.astype(np.int64)


def _read_torchvision(root: Path, *, download: bool) -> Cifar10Arrays:
    from torchvision.datasets import CIFAR10  # here, because importing torchvision takes a second

    try:
        train, test = (CIFAR10(str(root), train=flag, download=download) for flag in (True, False))
    except (RuntimeError, OSError) as error:  # RuntimeError: a checksum is wrong; OSError: no network, no space
        what = "CIFAR-10 download" if download else f"path {root}"
        raise _refusal(what, "the published files", str(error)) from error
    return Cifar10Arrays(train.data, np.array(train.targets), test.data, np.array(test.targets))


def _read_folder(root: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from torchvision.datasets import ImageFolder  # here, because importing torchvision takes a second

    try:
        folder = ImageFolder(str(root))
    except FileNotFoundError as error:
        raise _refusal(f"path {root}", "one folder of images per class", str(error)) from error
    if len(folder.classes) != CLASSES:
        raise _refusal(f"path {root}", "ten class folders", f"{len(folder.classes)}")
    images = np.empty((len(folder), SIDE, SIDE, 3), dtype=np.uint8)
    for index, (image, _label) in enumerate(folder):
        if image.size != (SIDE, SIDE):
            raise _refusal(f"image {folder.samples[index][0]}", "32x32 pixels", "x".join(map(str, image.size)))
        images[index] = np.asarray(image)
    return images, np.array(folder.targets)


def _refusal(what: str, expected: str, got: str) -> InputError:
    return InputError(what, expected=expected, got=got, remedy=REMEDY)
