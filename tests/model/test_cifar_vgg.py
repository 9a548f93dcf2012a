import pytest
import torch
from network_size import size
from torch import nn
from torchvision import models

from cpruner.errors import InputError
from cpruner.model import CifarVGG

EXAMPLE = torch.zeros(1, 3, 32, 32)
EXTRA = 2 * 512 * 512  # multiply-adds of the two linear layers that the published networks have and this one has not


# Parameters: H.-L. Sun et al., NeuralFuse, NeurIPS 2024, table 7 (VGG-13: by hand, VGG-11 + 64*64*9 + 128*128*9 weights
# and three vectors for each of the 192 channels). Multiply-adds: the CIFAR-10 table of chenyaofo/pytorch-cifar-models.
@pytest.mark.parametrize(
    ("depth", "parameters", "macs"),
    [(11, 9_231_114, 153.29), (13, 9_416_010, 228.79), (16, 14_728_266, 313.73), (19, 20_040_522, 398.66)],
)
def test_published_size(depth: int, parameters: int, macs: float) -> None:
    counted = size(CifarVGG(depth))
    assert counted.parameters == parameters
    assert (counted.macs + EXTRA) / 1e6 == pytest.approx(macs, abs=0.006)


def test_thirteen_convolutions_by_hand() -> None:
    plan = [64, 64, 128, 128, 256, 256, 256, *6 * [512]]
    weights = sum(9 * a * b for a, b in zip([3, *plan], plan, strict=False))
    assert weights == 14_710_464
    assert size(CifarVGG(16)).parameters == weights + 3 * sum(plan) + 512 * 10 + 10


@pytest.mark.integration
def test_features_are_those_of_torchvision() -> None:
    own = CifarVGG(11).build(10, EXAMPLE).get_submodule("features")
    theirs = models.vgg11_bn(weights=None, init_weights=False).features.eval()
    own.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(own(images), theirs(images))


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (1, 8, 2), (4, 17, 7), (2, 64, 3)])
def test_any_channels_size_and_classes(channels: int, size: int, classes: int) -> None:
    network = CifarVGG(11).build(classes, torch.zeros(1, channels, size, size))
    assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)


def test_one_linear_layer() -> None:
    layers = [m for m in CifarVGG(11).build(4, EXAMPLE).modules() if isinstance(m, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in layers] == [(512, 4)]


@pytest.mark.parametrize("depth", [12, 0, 50])
def test_refuses_other_depths(depth: int) -> None:
    with pytest.raises(InputError, match=r"CifarVGG\.depth: expected one of 11, 13, 16, 19, got"):
        CifarVGG(depth)
