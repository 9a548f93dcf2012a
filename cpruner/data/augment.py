"""Random crops and flips of a batch. Axis letters: B batch, C channels, H height, W width."""

import torch
from torch import Tensor
from torch.nn import functional

PADDING = 4  # He et al. 2016, section 4.2: "4 pixels are padded on each side"


def crop_and_flip(images_BCHW: Tensor, generator: torch.Generator) -> Tensor:
    """Zero-pad by 4 pixels, crop back to size at a random place and mirror half of the images, each image on its own.

    He et al. 2016, "Deep residual learning for image recognition", section 4.2.

    Args:
        images_BCHW: Images of any dtype; zero should mean black, so call this before normalising.
        generator: CPU generator all draws come from, whatever device the images are on.

    Returns:
        New images of the same shape, dtype and device.
    """
    batch, channels, height, width = images_BCHW.shape
    device = images_BCHW.device
    padded = functional.pad(images_BCHW, (PADDING,) * 4)
    corner_2B = torch.randint(2 * PADDING + 1, (2, batch), generator=generator).to(device)
    flip_B = (torch.rand(batch, generator=generator) < 0.5).to(device)
    row_BH = corner_2B[0][:, None] + torch.arange(height, device=device)
    column_W = torch.arange(width, device=device)
    column_BW = corner_2B[1][:, None] + torch.where(flip_B[:, None], column_W.flip(0), column_W)
    return padded[
        torch.arange(batch, device=device)[:, None, None, None],
        torch.arange(channels, device=device)[None, :, None, None],
        row_BH[:, None, :, None],
        column_BW[:, None, None, :],
    ]
