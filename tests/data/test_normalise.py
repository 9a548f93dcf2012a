import pytest
import torch

from cpruner.data import Normalise
from cpruner.data.normalise import IMAGENET
from cpruner.errors import InputError


def test_bytes_are_scaled_and_floats_are_not() -> None:
    normalise = Normalise(mean=(0.5, 0.0), std=(0.25, 2.0))
    as_bytes = torch.tensor([255, 51], dtype=torch.uint8).view(1, 2, 1, 1)  # 1.0 and 0.2
    assert normalise(as_bytes).flatten().tolist() == pytest.approx([2.0, 0.1])
    assert normalise(as_bytes.float() / 255).flatten().tolist() == pytest.approx([2.0, 0.1])
    assert normalise(as_bytes).dtype == torch.float32


def test_works_on_one_image_too() -> None:
    image = torch.full((3, 2, 2), 0.485)
    assert IMAGENET(image)[0].abs().max() < 1e-6
    assert IMAGENET(image).shape == (3, 2, 2)


@pytest.mark.parametrize(("mean", "std"), [((0.5,), (0.5, 0.5)), ((), ()), ((0.5,), (0.0,)), ((0.5,), (-1.0,))])
def test_refuses_what_cannot_be_divided_by(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="mean and std"):
        Normalise(mean, std)
