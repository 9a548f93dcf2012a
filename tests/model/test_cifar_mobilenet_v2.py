import pytest
import torch
from network_size import size, size_of
from torch import nn
from torchvision import models

from cpruner.errors import InputError
from cpruner.model import CifarMobileNetV2
from cpruner.model.cifar_mobilenet_v2 import InvertedResidual, divisible

EXAMPLE = torch.zeros(1, 3, 32, 32)


# The CIFAR-10 table of chenyaofo/pytorch-cifar-models: millions of parameters and of multiply-adds.
@pytest.mark.parametrize(
    ("width", "parameters", "macs"),
    [
        (0.5, 0.70, 27.97),
        *(pytest.param(*row, marks=pytest.mark.slow) for row in ((0.75, 1.37, 59.31), (1.0, 2.24, 87.98))),
        (1.4, 4.33, 170.07),
    ],
)
def test_published_size(width: float, parameters: float, macs: float) -> None:
    counted = size(CifarMobileNetV2(width))
    assert round(counted.parameters / 1e6, 2) == parameters
    assert round(counted.macs / 1e6, 2) == macs


@pytest.mark.integration
def test_as_many_parameters_as_torchvision() -> None:
    assert size(CifarMobileNetV2()).parameters == 2_236_682
    assert size(CifarMobileNetV2(), classes=1000).parameters == size_of(models.mobilenet_v2).parameters == 3_504_872


def test_computes_what_torchvision_does_with_two_strides_less() -> None:
    table = [[1, 16, 1, 1], [6, 24, 2, 1], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]
    theirs = models.MobileNetV2(num_classes=5, width_mult=0.25, inverted_residual_setting=table).eval()
    theirs.features[0][0].stride = (1, 1)
    own = CifarMobileNetV2(0.25).build(5, EXAMPLE)
    theirs.load_state_dict(dict(zip(theirs.state_dict(), own.state_dict().values(), strict=True)))
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = own(images)
        assert torch.equal(logits, theirs(images))
    assert logits.std() > 0.01


def test_the_input_is_added_only_where_it_fits() -> None:
    images = torch.randn(1, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    for block, added in (
        (InvertedResidual(4, 4, 2, 1), True),
        (InvertedResidual(4, 4, 2, 2), False),
        (InvertedResidual(4, 5, 2, 1), False),
    ):
        *_, norm = (module for module in block.modules() if isinstance(module, nn.BatchNorm2d))
        nn.init.zeros_(norm.weight)
        out = block.eval()(images)
        assert torch.equal(out, images) if added else not out.any()


@pytest.mark.parametrize(
    ("channels", "multiple"), [(0.1, 8), (8, 8), (11, 16), (12, 16), (19, 24), (44.8, 48), (96, 96)]
)
def test_widths_are_multiples_of_eight_and_lose_a_tenth_at_most(channels: float, multiple: int) -> None:
    assert divisible(channels) == multiple


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (1, 8, 2), (4, 17, 7)])
def test_any_channels_size_and_classes(channels: int, size: int, classes: int) -> None:
    network = CifarMobileNetV2(width=0.25).build(classes, torch.zeros(1, channels, size, size))
    assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)


@pytest.mark.parametrize("width", [0.0, -1.0])
def test_refuses_no_width(width: float) -> None:
    with pytest.raises(InputError, match=r"CifarMobileNetV2\.width"):
        CifarMobileNetV2(width)
