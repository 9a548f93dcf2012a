"""Batches of images that stay on disk until they are needed. Axis letters: N images, B batch."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cpruner.data.batches import SeededBatches
from cpruner.errors import InputError


@final
@dataclass(frozen=True, eq=False)
class FolderBatches(SeededBatches):
    """Some images of a folder, read and transformed when they are asked for.

    What a random transform does to an image depends on the generator only, not on the number of workers.

    Args:
        folder: ``torchvision.datasets.ImageFolder`` without transforms, or any indexable of (image, class number).
        rows: Indices of the images to use, N of them.
        transform: From what ``folder`` holds to an input tensor; may draw from torch's global generator.
        batch_size: Number of images in a batch; the last batch of an unshuffled pass may be smaller.
        workers: Processes that read images; 0 reads them in this one.
        generator: If given, every pass is shuffled with it and drops the last batch unless it is full or the only one.

    Raises:
        InputError: If there is no image.
    """

    folder: Any
    rows: tuple[int, ...]
    transform: Callable[[Any], Tensor]
    batch_size: int
    workers: int = 0
    generator: torch.Generator | None = None

    def __post_init__(self) -> None:
        if not self.rows:
            raise InputError("rows", expected="at least one image", got="none", remedy="Give more images.")

    def __len__(self) -> int:
        """Return the number of batches in a pass."""
        full, rest = divmod(len(self.rows), self.batch_size)
        return full if self.generator is not None and full else full + (rest > 0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one pass: (inputs, labels) batch by batch."""
        count = len(self.rows)
        if self.generator is None:
            order_N, seed_N = torch.arange(count), torch.zeros(count, dtype=torch.int64)
        else:
            order_N = torch.randperm(count, generator=self.generator)
            seed_N = torch.randint(2**62, (count,), generator=self.generator)
        keys = [(self.rows[int(place)], int(seed)) for place, seed in zip(order_N, seed_N, strict=True)]
        size = self.batch_size
        loader = DataLoader(
            _Images(self.folder, self.transform),
            batch_sampler=[keys[first * size : (first + 1) * size] for first in range(len(self))],
            num_workers=self.workers,
            generator=torch.Generator(),  # else the loader draws a seed for its workers from the global generator
        )
        yield from map(tuple, loader)

    def reseeded(self, seed: int) -> "FolderBatches":
        """Return the same images, shuffled and augmented from ``seed`` on; unshuffled ones as they are."""
        if self.generator is None:
            return self
        return dataclasses.replace(self, generator=torch.Generator().manual_seed(seed))

    def to(self, device: torch.device) -> "FolderBatches":
        """Return these batches: images on disk are moved batch by batch by whoever uses them."""
        del device
        return self


@final
class _Images(Dataset[tuple[Tensor, int]]):
    """Look-up by (index, seed of the random transform)."""

    def __init__(self, folder: Any, transform: Callable[[Any], Tensor]) -> None:
        self.folder, self.transform = folder, transform

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        """Read one image; transforms know only the global generator, so it is lent to them and put back."""
        index, seed = key
        image, label = self.folder[index]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.transform(image), int(label)
