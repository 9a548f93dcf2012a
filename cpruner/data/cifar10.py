"""CIFAR-10 as three disjoint splits. Axis letters: N images, H height, W width, C channels."""

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from cpruner.data.batches import TensorBatches
from cpruner.data.cifar10_source import CLASSES, Cifar10Arrays, read_cifar10
from cpruner.data.normalise import IMAGENET
from cpruner.data.splits import Splits
from cpruner.data.stratify import stratified
from cpruner.spec import check, option


@final
@dataclass(frozen=True)
class Cifar10:
    """60,000 colour images, 32x32 pixels, ten classes; the search split is drawn, stratified, from the training images.

    Pixels are normalised with the constants of ImageNet, as the published CIFAR weights expect.

    A. Krizhevsky, Learning multiple layers of features from tiny images, 2009.
    """

    path: str | None = option(None, "an .npz file or a folder that holds the images; null downloads them once")
    search_images: int = option(1000, "training images held out to judge candidates", low=10)
    train_images: int | None = option(None, "use only this many of the other training images; null uses all", low=10)
    batch_size: int = option(128, "images in a training batch", low=1)
    eval_batch_size: int = option(500, "images in a batch that is only judged", low=1)
    augment: bool = option(True, "crop and flip training images at random")

    def __post_init__(self) -> None:
        check(self)

    def load(self, seed: int) -> Splits:
        """Read the images and split them; the published test images are the test split.

        Raises:
            InputError: If the images are missing or not CIFAR-10, or fewer than the options ask for.
        """
        return self._split(read_cifar10(self.path), seed)

    def _split(self, arrays: Cifar10Arrays, seed: int) -> Splits:
        others = len(arrays.y_train) - self.search_images
        sizes = (self.search_images, others if self.train_images is None else self.train_images)
        search, train = stratified(arrays.y_train, sizes, np.random.default_rng(seed))
        images, labels = _tensors(arrays.x_train, arrays.y_train, train)
        plain = TensorBatches(images, labels, self.eval_batch_size, normalise=IMAGENET)
        generator = torch.Generator().manual_seed(seed)

        def judged(x_NHWC: NDArray[np.uint8], y_N: NDArray[np.int64], rows: NDArray[np.int64] | None) -> TensorBatches:
            return TensorBatches(*_tensors(x_NHWC, y_N, rows), self.eval_batch_size, normalise=IMAGENET)

        return Splits(
            name="cifar10",
            train=TensorBatches(images, labels, self.batch_size, generator, self.augment, IMAGENET),
            train_eval=plain,
            search=judged(arrays.x_train, arrays.y_train, search),
            test=judged(arrays.x_test, arrays.y_test, None),
            classes=CLASSES,
            example=IMAGENET(images[:1]),
        )


def _tensors(
    x_NHWC: NDArray[np.uint8], y_N: NDArray[np.int64], rows: NDArray[np.int64] | None
) -> tuple[torch.Tensor, torch.Tensor]:
    if rows is not None:
        x_NHWC, y_N = x_NHWC[rows], y_N[rows]
    return torch.from_numpy(x_NHWC).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(y_N)
