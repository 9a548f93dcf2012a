"""Channel-wise normalisation of images. Axis letters: B batch, C channels, H height, W width."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from cpruner.errors import InputError


@final
@dataclass(frozen=True)
class Normalise:
    """Subtract a mean and divide by a standard deviation, channel by channel.

    Args:
        mean: One value per channel, in units of pixels scaled to [0, 1].
        std: One positive value per channel, same unit.

    Raises:
        InputError: If the two differ in length or a deviation is not positive.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean or min(self.std) <= 0:
            raise InputError(
                "mean and std",
                expected="one mean and one positive deviation per channel",
                got=f"mean {list(self.mean)} and std {list(self.std)}",
                remedy="Give two lists with one number per image channel.",
            )

    def __call__(self, images_BCHW: Tensor) -> Tensor:
        """Return normalised float32 images; bytes are scaled to [0, 1] first, floats are taken as they are."""
        scaled_BCHW = images_BCHW.float()
        if images_BCHW.dtype == torch.uint8:
            scaled_BCHW = scaled_BCHW / 255.0
        mean_C11 = torch.tensor(self.mean, device=scaled_BCHW.device).view(-1, 1, 1)
        std_C11 = torch.tensor(self.std, device=scaled_BCHW.device).view(-1, 1, 1)
        return (scaled_BCHW - mean_C11) / std_C11


IMAGENET = Normalise(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
