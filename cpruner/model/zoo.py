"""The CIFAR networks under the names papers give them; ``cifar_`` stands before what torchvision calls the same."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import nn

from cpruner.model.cifar_densenet import CifarDenseNet
from cpruner.model.cifar_mobilenet_v1 import CifarMobileNetV1
from cpruner.model.cifar_mobilenet_v2 import CifarMobileNetV2
from cpruner.model.cifar_resnet import CifarResNet
from cpruner.model.cifar_vgg import CifarVGG
from cpruner.model.preact_resnet import PreActResNet
from cpruner.model.spec import ModelSpec
from cpruner.model.wide_resnet import WideResNet

IMAGE = (1, 3, 32, 32)

#: Name -> options of the network; ``conf/model`` has the same names.
NAMED: Mapping[str, ModelSpec] = {
    "resnet20": CifarResNet(depth=20),
    "resnet32": CifarResNet(depth=32),
    "resnet44": CifarResNet(depth=44),
    "resnet56": CifarResNet(depth=56),
    "resnet110": CifarResNet(depth=110),
    "cifar_vgg11_bn": CifarVGG(depth=11),
    "cifar_vgg16_bn": CifarVGG(depth=16),
    "cifar_vgg19_bn": CifarVGG(depth=19),
    "densenet40": CifarDenseNet(depth=40, growth=12),
    "mobilenet_v1": CifarMobileNetV1(),
    "cifar_mobilenet_v2": CifarMobileNetV2(),
    "wrn16_4": WideResNet(depth=16, widen=4),
    "wrn28_10": WideResNet(depth=28, widen=10),
    "preact_resnet18": PreActResNet(depth=18),
}


def _built(spec: ModelSpec, classes: int) -> nn.Module:
    return spec.build(classes, torch.zeros(IMAGE))


#: Name -> ``(classes) -> network`` for colour images of 32x32 pixels, untrained and in eval mode.
ZOO: Mapping[str, Callable[[int], nn.Module]] = {name: partial(_built, spec) for name, spec in NAMED.items()}
