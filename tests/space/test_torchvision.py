"""Both invariants on torchvision's networks, tiny inputs, random weights and statistics."""

from functools import cache

import numpy as np
import pytest
import torch
import torchvision
from invariants import check
from thorough import agree, arbitrary
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from cpruner.space import PruningSpace, trace

FAST = {"resnet18": 12, "squeezenet1_0": 25, "mobilenet_v3_small": 27}
SLOW = {
    "mobilenet_v2": 25,
    "mnasnet0_5": 25,
    "densenet121": 120,
    "resnet50": 37,
    "efficientnet_b0": 40,
    "regnet_y_400mf": 38,
    "googlenet": 57,
    "resnext50_32x4d": 21,
    "vgg11_bn": 10,
    "shufflenet_v2_x0_5": 80,
    "convnext_tiny": 22,
    "swin_t": 52,
}


def build(name: str, size: int = 32) -> tuple[nn.Module, Tensor]:
    """The network in float64 with mild random statistics, so that a hundred layers neither vanish nor explode."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        options = {"init_weights": True} if name == "googlenet" else {}
        model = torchvision.models.get_model(name, weights=None, **options).double().eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, _BatchNorm):
                module.running_mean.normal_(0.0, 0.1, generator=generator)
                module.running_var.uniform_(0.5, 2.0, generator=generator)
                module.weight.uniform_(0.5, 1.5, generator=generator)
                module.bias.normal_(0.0, 0.1, generator=generator)
    return model, torch.randn(1, 3, size, size, generator=generator, dtype=torch.float64)


@cache
def resnet18() -> PruningSpace:
    return trace(*build("resnet18"))


def checked(name: str, groups: int) -> tuple[nn.Module, Tensor, PruningSpace]:
    model, x = build(name)
    space = trace(model, x)
    assert len(space.groups) == groups
    check(model, (x,), space, space.random(np.random.default_rng(0)))
    return model, x, space


@pytest.mark.parametrize("name", FAST)
def test_the_invariants_hold(name: str) -> None:
    checked(name, FAST[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_the_invariants_hold_for_more_networks(name: str) -> None:
    model, x, space = checked(name, SLOW[name])
    check(model, (x,), space, space.smallest())


@pytest.mark.slow
@pytest.mark.parametrize("name", [*FAST, "mobilenet_v2", "mnasnet0_5"])
def test_they_stand_the_strict_proof(name: str) -> None:
    model, x, space = checked(name, {**FAST, **SLOW}[name])
    proof = space.verify(model, x)
    assert proof.space.groups == space.groups
    assert proof.error < 1e-9


def test_a_vision_transformer_of_torch() -> None:
    """Two layers of four heads of eight: the stem's 32 features, heads, dimensions twice and the wide layer each."""
    with torch.random.fork_rng():
        torch.default_generator.manual_seed(0)
        model = torchvision.models.VisionTransformer(16, 8, 2, 4, 32, 24, num_classes=5).double().eval()
        model.heads.head.weight.data.normal_()
        x = torch.randn(2, 3, 16, 16, dtype=torch.float64)
    space = trace(model, x)
    assert [group.size for group in space.groups] == [32, *(4, 8, 8, 24) * 2]
    for candidate in (space.smallest(), space.uniform(0.5), arbitrary(space, np.random.default_rng(0))):
        check(model, (x,), space, candidate)
        agree(model, (x[:1],), space, candidate)


@pytest.mark.integration
def test_the_groups_of_resnet18() -> None:
    """Four stages of residual channels and one inner width per block."""
    sizes = {group.name: group.size for group in resnet18().groups}
    inner = {f"layer{i}.{j}.conv1": 2 ** (5 + i) for i in (1, 2, 3, 4) for j in (0, 1)}
    stages = {"conv1": 64, "layer2.0.conv2": 128, "layer3.0.conv2": 256, "layer4.0.conv2": 512}
    assert sizes == inner | stages


def test_the_printout_of_resnet18() -> None:
    lines = str(resnet18()).splitlines()
    assert lines[0] == "12 groups, 2880 channels"
    assert lines[1] == f"  {'conv1':<28} {64:>5} channels, 19 tensor axes"
    assert lines[-3:] == [
        "  conv1.weight[1]: 3 of 3 stay: reads a tensor of fixed size",
        "  fc.weight[0]: 1000 of 1000 stay: output of the network",
        "  fc.bias[0]: 1000 of 1000 stay: output of the network",
    ]
