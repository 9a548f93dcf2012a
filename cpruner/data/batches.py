"""Batches of (inputs, labels). Axis letters: N images, B batch, C channels, H height, W width."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor

from cpruner.data.augment import crop_and_flip
from cpruner.data.normalise import Normalise
from cpruner.errors import InputError


class Batches(Protocol):
    """Anything that can be gone through repeatedly and yields (inputs, labels); a ``DataLoader`` is one.

    Labels are int64 class numbers of shape (B,).
    """

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one pass over the data."""
        ...

    def __len__(self) -> int:
        """Return the number of batches in a pass."""
        ...


class SeededBatches(ABC):
    """Batches of this package: their order can be started anew from a seed, and they can be put on a device."""

    @abstractmethod
    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one pass over the data."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of batches in a pass."""

    @abstractmethod
    def reseeded(self, seed: int) -> "SeededBatches":
        """Return the same data, shuffled and augmented from ``seed`` on; unshuffled data as they are."""

    @abstractmethod
    def to(self, device: torch.device) -> "SeededBatches":
        """Return the same data, placed on ``device`` where that saves copying every batch; order and seed are kept."""


@final
@dataclass(frozen=True, eq=False)
class TensorBatches(SeededBatches):
    """Images held in memory.

    All batches of a pass have the same size give or take one image, so that no last batch is too small for batch norm.

    Args:
        images: Images, shape (N, C, H, W), bytes or floats.
        labels: Class numbers, int64, shape (N,).
        batch_size: Largest number of images in a batch.
        generator: CPU generator; if given, every pass is shuffled with it.
        augment: Crop and flip at random (``crop_and_flip``) with the same generator.
        normalise: Applied to every batch after augmenting; None yields the images as they are held.

    Raises:
        InputError: If there is no image, the shapes do not fit, labels are not int64, or ``augment`` lacks a generator.
    """

    images: Tensor
    labels: Tensor
    batch_size: int
    generator: torch.Generator | None = None
    augment: bool = False
    normalise: Normalise | None = None

    def __post_init__(self) -> None:
        if self.labels.ndim != 1 or self.labels.dtype != torch.int64 or len(self.labels) != len(self.images):
            raise InputError(
                "labels",
                expected=f"{len(self.images)} class numbers, int64",
                got=f"{self.labels.dtype} of shape {tuple(self.labels.shape)}",
                remedy="Give one int64 label per image.",
            )
        if len(self.images) == 0 or self.batch_size < 1:
            raise InputError(
                "images and batch_size",
                expected="at least one image and a batch size of at least 1",
                got=f"{len(self.images)} images, batch size {self.batch_size}",
                remedy="Give more images or a positive batch size.",
            )
        if self.augment and (self.generator is None or self.images.ndim != 4):
            raise InputError(
                "augment",
                expected="images of shape (N, C, H, W) and a generator",
                got=f"shape {tuple(self.images.shape)}, generator {self.generator}",
                remedy="Pass generator=torch.Generator().manual_seed(seed), or augment=False.",
            )

    def __len__(self) -> int:
        """Return the number of batches in a pass."""
        return math.ceil(len(self.images) / self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one pass: (inputs, labels) batch by batch, new tensors every time."""
        if self.generator is None:
            order_N = torch.arange(len(self.images))
        else:
            order_N = torch.randperm(len(self.images), generator=self.generator)
        for order_B in order_N.to(self.images.device).tensor_split(len(self)):
            images = self.images[order_B]
            if self.augment and self.generator is not None:
                images = crop_and_flip(images, self.generator)
            yield (images if self.normalise is None else self.normalise(images)), self.labels[order_B]

    def reseeded(self, seed: int) -> "TensorBatches":
        """Return the same images, shuffled and augmented from ``seed`` on; unshuffled ones as they are."""
        if self.generator is None:
            return self
        return dataclasses.replace(self, generator=torch.Generator().manual_seed(seed))

    def to(self, device: torch.device) -> "TensorBatches":
        """Return the same batches with all images on ``device``; the generator is shared and stays on the CPU."""
        return dataclasses.replace(self, images=self.images.to(device), labels=self.labels.to(device))
