"""Networks by name, and their weights."""

from cpruner.model.cifar_densenet import CifarDenseNet as CifarDenseNet
from cpruner.model.cifar_mobilenet_v1 import CifarMobileNetV1 as CifarMobileNetV1
from cpruner.model.cifar_mobilenet_v2 import CifarMobileNetV2 as CifarMobileNetV2
from cpruner.model.cifar_resnet import CifarResNet as CifarResNet
from cpruner.model.cifar_vgg import CifarVGG as CifarVGG
from cpruner.model.preact_resnet import PreActResNet as PreActResNet
from cpruner.model.small_resnet import SmallResNet as SmallResNet
from cpruner.model.spec import ModelSpec as ModelSpec
from cpruner.model.torchvision_zoo import Torchvision as Torchvision
from cpruner.model.weights import load_weights as load_weights
from cpruner.model.wide_resnet import WideResNet as WideResNet
from cpruner.model.zoo import ZOO as ZOO

__all__ = [
    "ZOO",
    "CifarDenseNet",
    "CifarMobileNetV1",
    "CifarMobileNetV2",
    "CifarResNet",
    "CifarVGG",
    "ModelSpec",
    "PreActResNet",
    "SmallResNet",
    "Torchvision",
    "WideResNet",
    "load_weights",
]
