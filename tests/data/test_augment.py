import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cpruner.data.augment import PADDING, crop_and_flip


def _crops(image: Tensor) -> set[tuple[float, ...]]:
    """All 81 crops of a padded image and their mirror images, by brute force."""
    _, height, width = image.shape
    padded = torch.zeros(image.shape[0], height + 2 * PADDING, width + 2 * PADDING, dtype=image.dtype)
    padded[:, PADDING:-PADDING, PADDING:-PADDING] = image
    crops = [
        padded[:, top : top + height, left : left + width]
        for top in range(2 * PADDING + 1)
        for left in range(2 * PADDING + 1)
    ]
    return {tuple(c.flatten().tolist()) for crop in crops for c in (crop, crop.flip(-1))}


@given(seed=st.integers(0, 1000), height=st.integers(1, 7), width=st.integers(1, 7), channels=st.integers(1, 3))
def test_every_result_is_one_of_the_possible_crops(seed: int, height: int, width: int, channels: int) -> None:
    images = torch.arange(2.0 * channels * height * width).view(2, channels, height, width) + 1
    out = crop_and_flip(images, torch.Generator().manual_seed(seed))
    assert out.shape == images.shape
    for image, result in zip(images, out, strict=True):
        assert tuple(result.flatten().tolist()) in _crops(image)


def test_all_crops_and_both_sides_occur() -> None:
    image = torch.arange(1, 7, dtype=torch.uint8).view(1, 1, 2, 3)
    out = crop_and_flip(image.repeat(8000, 1, 1, 1), torch.Generator().manual_seed(0))
    seen = {tuple(row) for row in out.flatten(1).tolist()}
    assert seen == _crops(image[0])
    assert out.dtype == torch.uint8


def test_same_generator_same_crops_and_images_are_cropped_independently() -> None:
    images = torch.arange(1.0, 65).view(1, 1, 8, 8).repeat(50, 1, 1, 1)
    first = crop_and_flip(images, torch.Generator().manual_seed(1))
    assert torch.equal(first, crop_and_flip(images, torch.Generator().manual_seed(1)))
    assert len({tuple(row) for row in first.flatten(1).tolist()}) > 20
    assert torch.equal(images[:1], torch.arange(1.0, 65).view(1, 1, 8, 8))
