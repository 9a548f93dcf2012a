"""The 1,797 handwritten digits that come with scikit-learn: nothing to download, trains in seconds."""

from dataclasses import dataclass
from typing import final

import numpy as np
import torch

from cpruner.data.batches import TensorBatches
from cpruner.data.normalise import Normalise
from cpruner.data.splits import Splits
from cpruner.data.stratify import stratified
from cpruner.errors import InputError
from cpruner.spec import check, option

CLASSES = 10
BRIGHTEST = 16.0  # scikit-learn counts dark pixels in 4x4 blocks: 0..16


@final
@dataclass(frozen=True)
class Digits:
    """Handwritten digits, 8x8 pixels, one channel, ten classes; drawn stratified by the seed.

    E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository, 1998.
    """

    search_share: float = option(0.2, "share of the images held out to judge candidates", low=0.01, high=0.9)
    test_share: float = option(0.2, "share of the images that are only reported on", low=0.01, high=0.9)
    batch_size: int = option(64, "images in a training batch", low=1)
    eval_batch_size: int = option(512, "images in a batch that is only judged", low=1)

    def __post_init__(self) -> None:
        check(self)
        if self.search_share + self.test_share > 0.95:
            raise InputError(
                "Digits.search_share + Digits.test_share",
                expected="at most 0.95",
                got=self.search_share + self.test_share,
                remedy="Leave some images to train on.",
            )

    def load(self, seed: int) -> Splits:
        """Return the splits; pixels are in [0, 1], then normalised with mean and deviation of the training images."""
        from sklearn.datasets import load_digits  # here, because importing scikit-learn takes a second

        raw = load_digits()
        labels_N = raw.target.astype(np.int64)
        search, test = (round(share * len(labels_N)) for share in (self.search_share, self.test_share))
        sizes = (len(labels_N) - search - test, search, test)
        parts = stratified(labels_N, sizes, np.random.default_rng(seed))
        images = torch.from_numpy(raw.images / BRIGHTEST).float()[:, None]
        train_pixels = images[torch.from_numpy(parts[0])]
        normalise = Normalise((float(train_pixels.mean()),), (float(train_pixels.std()),))

        def batches(part: int, batch_size: int, generator: torch.Generator | None = None) -> TensorBatches:
            rows = torch.from_numpy(parts[part])
            return TensorBatches(normalise(images[rows]), torch.from_numpy(labels_N)[rows], batch_size, generator)

        return Splits(
            name="digits",
            train=batches(0, self.batch_size, torch.Generator().manual_seed(seed)),
            train_eval=batches(0, self.eval_batch_size),
            search=batches(1, self.eval_batch_size),
            test=batches(2, self.eval_batch_size),
            classes=CLASSES,
            example=normalise(train_pixels[:1]),
        )
