"""Any dataset kept as one folder of images per class, ImageNet for one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch

from cpruner.data.folder_batches import FolderBatches
from cpruner.data.normalise import IMAGENET, Normalise
from cpruner.data.splits import Splits
from cpruner.data.stratify import stratified
from cpruner.errors import InputError
from cpruner.spec import check, option

LAYOUT = "Lay images out as PATH/train/CLASS/IMAGE and PATH/test/CLASS/IMAGE (or PATH/val/CLASS/IMAGE)."


@final
@dataclass(frozen=True)
class ImageFolder:
    """Images on disk in ``train/`` and ``test/`` (or ``val/``), one folder per class; read when they are needed.

    The search split is drawn, stratified, from the training images.
    """

    path: str = option("", "folder that holds train/ and test/ (or val/)")
    search_images: int = option(1000, "training images held out to judge candidates", low=2)
    train_images: int | None = option(None, "use only this many of the other training images; null uses all", low=2)
    resize: int = option(256, "pixels of the shorter side after resizing, before the centre is cut out", low=1)
    crop: int = option(224, "pixels of the sides of an input", low=1)
    batch_size: int = option(128, "images in a training batch", low=1)
    eval_batch_size: int = option(256, "images in a batch that is only judged", low=1)
    augment: bool = option(True, "train on random resized crops and flips")
    workers: int = option(0, "processes that read images; 0 reads them in the main process", low=0)
    mean: list[float] = option(list(IMAGENET.mean), "mean of every channel, pixels in [0, 1]")
    std: list[float] = option(list(IMAGENET.std), "deviation of every channel, pixels in [0, 1]")

    def __post_init__(self) -> None:
        check(self)
        if self.crop > self.resize:
            raise InputError(
                "ImageFolder.crop",
                expected=f"at most resize = {self.resize}",
                got=self.crop,
                remedy="Cut out less, or resize to more.",
            )

    def load(self, seed: int) -> Splits:
        """List the files and split them; no image but one is read.

        Raises:
            InputError: If a folder is missing or empty, or training and test classes differ.
        """
        root = Path(self.path).expanduser()
        train_folder = _listed(root / "train")
        test_folder = _listed(root / "test" if (root / "test").is_dir() else root / "val")
        _same_classes(train_folder, test_folder)
        labels_N = np.array(train_folder.targets, dtype=np.int64)
        others = len(labels_N) - self.search_images
        sizes = (self.search_images, others if self.train_images is None else self.train_images)
        search, train = stratified(labels_N, sizes, np.random.default_rng(seed))
        plain = self._transform(augment=False)

        def judged(folder: Any, rows: Any) -> FolderBatches:
            return FolderBatches(folder, tuple(rows), plain, self.eval_batch_size, self.workers)

        return Splits(
            name=root.name,
            train=FolderBatches(
                train_folder,
                tuple(train.tolist()),
                self._transform(augment=self.augment),
                self.batch_size,
                self.workers,
                torch.Generator().manual_seed(seed),
            ),
            train_eval=judged(train_folder, train.tolist()),
            search=judged(train_folder, search.tolist()),
            test=judged(test_folder, range(len(test_folder))),
            classes=len(train_folder.classes),
            example=plain(train_folder[int(train[0])][0])[None],
        )

    def _transform(self, *, augment: bool) -> Any:
        from torchvision import transforms  # here, because importing torchvision takes a second

        if augment:
            cut = [transforms.RandomResizedCrop(self.crop), transforms.RandomHorizontalFlip()]
        else:
            cut = [transforms.Resize(self.resize), transforms.CenterCrop(self.crop)]
        return transforms.Compose([*cut, transforms.ToTensor(), Normalise(tuple(self.mean), tuple(self.std))])


def _listed(root: Path) -> Any:
    from torchvision import datasets  # here, because importing torchvision takes a second

    try:
        return datasets.ImageFolder(str(root))
    except FileNotFoundError as error:
        raise InputError(
            "ImageFolder.path", expected=f"folders of images in {root}", got=str(error), remedy=LAYOUT
        ) from error


def _same_classes(train_folder: Any, test_folder: Any) -> None:
    differing = sorted(set(train_folder.classes) ^ set(test_folder.classes))
    if differing:
        raise InputError(
            "ImageFolder.path",
            expected="the same class folders for training and test",
            got=f"{len(differing)} only in one of them, such as {', '.join(differing[:3])}",
            remedy=LAYOUT,
        )
