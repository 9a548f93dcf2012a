"""A dataset cut into its three disjoint splits. Axis letters: C channels, H height, W width."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from cpruner.data.batches import Batches
from cpruner.errors import InputError


@dataclass(frozen=True, eq=False)
class Splits:
    """Three disjoint sets of images and what a model has to know about them.

    Args:
        name: Name of the dataset.
        train: Training images, shuffled and perhaps augmented; fine-tuning learns from them.
        train_eval: The same images in fixed order and not augmented; activation statistics come from them.
        search: Images held out of the training data; candidates, checkpoints and early stopping are judged on them.
        test: Looked at once, for the report.
        classes: Number of classes.
        example: One input, shape (1, C, H, W).

    Raises:
        InputError: If there are fewer than two classes or the example is not one image.
    """

    name: str
    train: Batches
    train_eval: Batches
    search: Batches
    test: Batches
    classes: int
    example: Tensor

    def __post_init__(self) -> None:
        if self.classes < 2 or self.example.ndim != 4 or len(self.example) != 1:
            raise InputError(
                "splits",
                expected="at least two classes and an example of shape (1, C, H, W)",
                got=f"{self.classes} classes and shape {tuple(self.example.shape)}",
                remedy="Give the number of classes and a batch of one image.",
            )


class DataSpec(Protocol):
    """Options of a dataset; loads it."""

    def load(self, seed: int) -> Splits:
        """Read and split the images; the same seed gives the same splits and the same order."""
        ...
