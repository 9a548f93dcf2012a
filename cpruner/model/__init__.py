"""Networks by name, and their weights."""

from cpruner.model.cifar_resnet import CifarResNet as CifarResNet
from cpruner.model.small_resnet import SmallResNet as SmallResNet
from cpruner.model.spec import ModelSpec as ModelSpec
from cpruner.model.torchvision_zoo import Torchvision as Torchvision
from cpruner.model.weights import load_weights as load_weights

__all__ = [
    "CifarResNet",
    "ModelSpec",
    "SmallResNet",
    "Torchvision",
    "load_weights",
]
