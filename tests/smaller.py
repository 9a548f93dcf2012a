"""Small networks of every family, pruned once for all tests of what can be done with the result."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torchvision.models import ShuffleNetV2, SwinTransformer, VisionTransformer

from cpruner.candidate import Candidate, materialise
from cpruner.model import CifarResNet
from cpruner.space import PruningSpace, trace
from cpruner.testing.nets import NETS


@dataclass(frozen=True)
class Pruned:
    """A dense network in float64 and eval mode, inputs for it, its space, a half of it, and the network that makes."""

    model: nn.Module
    inputs: tuple[Tensor, ...]
    space: PruningSpace
    candidate: Candidate
    small: nn.Module

    def batch(self, size: int) -> tuple[Tensor, ...]:
        """Other inputs, of another batch size."""
        generator = torch.Generator().manual_seed(size)
        shapes = [(size, *value.shape[1:]) for value in self.inputs]
        return tuple(torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)


def _vision_transformer() -> nn.Module:
    return VisionTransformer(16, 8, num_layers=2, num_heads=4, hidden_dim=32, mlp_dim=48, num_classes=5)


def _swin_transformer() -> nn.Module:
    return SwinTransformer([2, 2], 16, [1, 2], [2, 4], [2, 2], stochastic_depth_prob=0.0, num_classes=5)


def _encoder() -> nn.Module:
    layer = nn.TransformerEncoderLayer(32, 4, 48, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Linear(6, 32), nn.TransformerEncoder(layer, 2, enable_nested_tensor=False))


def _shufflenet() -> nn.Module:
    return ShuffleNetV2([1, 2, 1], [8, 16, 24, 32, 64], num_classes=5)


def _resnet20() -> nn.Module:
    return CifarResNet(depth=20).build(10, torch.zeros(1, 3, 32, 32))


#: Of each the module and the shapes of its inputs.
FAMILIES: dict[str, tuple[Callable[[], nn.Module], tuple[tuple[int, ...], ...]]] = {
    "torchvision vit": (_vision_transformer, ((2, 3, 16, 16),)),
    "torchvision swin": (_swin_transformer, ((2, 3, 16, 16),)),
    "torch encoder": (_encoder, ((2, 7, 6),)),
    "torchvision shufflenet": (_shufflenet, ((2, 3, 32, 32),)),
    "cifar resnet20": (_resnet20, ((2, 3, 32, 32),)),
}
SMALL = [net.name for net in NETS]
NAMES = [*SMALL, *FAMILIES]
#: Those of the shipped networks that hold a module whose own code states sizes.
STATING = ["option A in a module", "option A in a block", "channel shuffle", *FAMILIES]


@cache
def pruned(name: str) -> Pruned:
    """The same objects at every call: copy what you change."""
    shipped = {net.name: net for net in NETS}
    if name in shipped:
        model, inputs = shipped[name].build(), shipped[name].inputs()
    else:
        make, shapes = FAMILIES[name]
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)
            model = make().double().eval()
            _uneven(model)
            inputs = tuple(torch.randn(shape, dtype=torch.float64) for shape in shapes)
    space = trace(model, inputs)
    candidate = space.uniform(0.5)
    return Pruned(model, inputs, space, candidate, materialise(model, candidate))


def _uneven(model: nn.Module) -> None:
    """Initial weights of zero or one would hide what is wrong with them."""
    with torch.no_grad():
        for parameter in model.parameters():
            if bool((parameter == parameter.flatten()[0]).all()):
                parameter.add_(0.2 * torch.randn_like(parameter))
