import pytest
import torch
from torch import nn

from cpruner.model import (
    CifarDenseNet,
    CifarMobileNetV1,
    CifarMobileNetV2,
    CifarResNet,
    CifarVGG,
    ModelSpec,
    PreActResNet,
    SmallResNet,
    Torchvision,
    WideResNet,
)

SPECS = [
    SmallResNet(width=2),
    CifarDenseNet(depth=10),
    CifarMobileNetV1(width=0.25),
    CifarMobileNetV2(width=0.25),
    CifarResNet(8),
    CifarVGG(11),
    PreActResNet(),
    WideResNet(10, widen=1),
    Torchvision("squeezenet1_1"),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_every_spec_builds_an_untrained_but_ready_network(spec: ModelSpec) -> None:
    example = torch.zeros(1, 3, 32, 32)
    network = spec.build(6, example)
    assert isinstance(network, nn.Module)
    assert not any(module.training for module in network.modules())
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert network(example).shape == (1, 6)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: type(spec).__name__)
def test_specs_are_values(spec: ModelSpec) -> None:
    assert spec == type(spec)(**vars(spec))
    with pytest.raises(AttributeError):
        spec.seed = 3  # type: ignore[attr-defined]
