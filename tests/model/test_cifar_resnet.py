import pytest
import torch
from torch import nn

from cpruner.errors import InputError
from cpruner.model import CifarResNet
from cpruner.model.cifar_resnet import PaddedShortcut

EXAMPLE = torch.zeros(1, 3, 32, 32)


# He et al. 2016, table 6: 0.27 M, 0.46 M, 0.66 M, 0.85 M and 1.7 M parameters.
@pytest.mark.parametrize(
    ("depth", "parameters"), [(20, 269_722), (32, 464_154), (44, 658_586), (56, 853_018), (110, 1_727_962)]
)
def test_parameters_are_those_of_the_paper(depth: int, parameters: int) -> None:
    network = CifarResNet(depth).build(10, EXAMPLE)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == depth


def test_tensor_names_are_those_of_the_published_weights() -> None:
    names = set(CifarResNet(8).build(10, EXAMPLE).state_dict())
    block = {f"conv{i}.weight" for i in (1, 2)}
    block |= {f"bn{i}.{n}" for i in (1, 2) for n in ("weight", "bias", "running_mean", "running_var")}
    block |= {f"bn{i}.num_batches_tracked" for i in (1, 2)}
    expected = {f"layer{stage}.0.{name}" for stage in (1, 2, 3) for name in block}
    expected |= {name for name in block if name.startswith(("conv1", "bn1"))} | {"linear.weight", "linear.bias"}
    assert names == expected


def test_shortcut_takes_every_second_pixel_and_pads_channels_on_both_sides() -> None:
    images = torch.arange(32.0).view(1, 2, 4, 4) + 1
    out = PaddedShortcut(stride=2, padding=1)(images)
    assert out.shape == (1, 4, 2, 2)
    assert out[0, 0].abs().max() == 0
    assert out[0, 3].abs().max() == 0
    assert out[0, 1].tolist() == [[1, 3], [9, 11]]
    assert out[0, 2].tolist() == [[17, 19], [25, 27]]


def test_only_the_two_halving_blocks_pad() -> None:
    network = CifarResNet(20).build(10, EXAMPLE)
    shortcuts = [name for name, module in network.named_modules() if isinstance(module, PaddedShortcut)]
    assert shortcuts == ["layer2.0.shortcut", "layer3.0.shortcut"]
    assert not list(PaddedShortcut(2, 8).parameters())


@pytest.mark.parametrize(("channels", "size", "classes"), [(3, 32, 10), (1, 8, 2), (4, 17, 7)])
def test_any_channels_size_and_classes(channels: int, size: int, classes: int) -> None:
    network = CifarResNet(8).build(classes, torch.zeros(1, channels, size, size))
    assert network(torch.zeros(2, channels, size, size)).shape == (2, classes)
    assert not network.training


def test_a_block_adds_its_input_to_its_convolutions() -> None:
    network = CifarResNet(8).build(10, EXAMPLE)
    block = network.get_submodule("layer1.0")
    images = torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0))
    bn2 = block.get_submodule("bn2")
    assert isinstance(bn2, nn.BatchNorm2d)
    nn.init.zeros_(bn2.weight)
    assert torch.equal(block(images), images.relu())


@pytest.mark.parametrize("depth", [18, 21, 57, 7])
def test_refuses_other_depths(depth: int) -> None:
    with pytest.raises(InputError, match=r"CifarResNet\.depth"):
        CifarResNet(depth)


def test_missing_weights_are_named() -> None:
    with pytest.raises(InputError, match="nothing at /no/such/file"):
        CifarResNet(8, weights="/no/such/file.safetensors").build(10, EXAMPLE)
