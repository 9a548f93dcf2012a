"""The networks every claim about breadth is made for; ``python benchmarks/zoo.py`` lists them.

Random weights from a fixed seed, inference mode, one example. Families: torchvision (all its classifiers), cifar,
segmentation, video, timm (skipped where it is not installed), torch (plain ``torch.nn`` attention) and sequence
(recurrent layers, a state space, a graph).
"""

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from measure.attention import CLASSES, FEATURES, TOKENS, CrossAttention, Encoder, SelfAttention, Translator
from measure.sequence import HIDDEN, GraphAttention, Recurrent, StateSpace
from measure.stir import settle, stir
from torch import Tensor, nn
from torchvision import models

import cpruner.model
from cpruner.model.seeded import seeded

SEGMENTATION = ("fcn_resnet50", "deeplabv3_resnet50", "lraspp_mobilenet_v3_large")
VIDEO = ("r3d_18",)
TIMM = (
    "resnet50",
    "vit_small_patch16_224",
    "deit_tiny_patch16_224",
    "convnext_tiny",
    "mixer_s16_224",
    "tf_efficientnetv2_s",
    "mobilenetv4_conv_small",
    "swin_tiny_patch4_window7_224",
    "pvt_v2_b0",
    "poolformer_s12",
    "cait_xxs24_224",
    "ghostnet_100",
    "gmlp_s16_224",
    "hrnet_w18_small",
    "levit_128",
    "mobilevit_s",
    "nf_resnet50",
    "repvgg_a0",
    "res2net50_26w_4s",
    "skresnet18",
)
#: torchvision warns that these defaults will change unless they are stated.
STATED: dict[str, dict[str, Any]] = {"googlenet": {"init_weights": True}, "inception_v3": {"init_weights": True}}
SIDE: dict[str, int] = {"inception_v3": 299}


@dataclass(frozen=True)
class Entry:
    """One network of the zoo.

    Args:
        name: Unique; families other than torchvision's classifiers have a prefix.
        family: What it is listed under.
        make: Builds it, drawing from torch's global generator.
        shapes: Shapes of its inputs.
        classes: Outputs of its classifier.
        skip: Why it cannot be built here, else empty.
    """

    name: str
    family: str
    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    classes: int
    skip: str = ""

    def build(self) -> nn.Module:
        """The network, in eval mode; the same at every call."""
        with seeded(0):
            network = self.make()
        generator = torch.Generator().manual_seed(1)
        stir(network, generator)
        settle(network, tuple(torch.randn((2, *shape[1:]), generator=generator) for shape in self.shapes))
        return network

    def inputs(self) -> tuple[Tensor, ...]:
        """Example inputs; the same at every call."""
        generator = torch.Generator().manual_seed(2)
        return tuple(torch.randn(shape, generator=generator) for shape in self.shapes)


def _image(side: int) -> tuple[tuple[int, ...], ...]:
    return ((1, 3, side, side),)


def _torchvision() -> Iterator[Entry]:
    for name in models.list_models(module=models):
        make = partial(models.get_model, name, weights=None, **STATED.get(name, {}))
        yield Entry(name, "torchvision", make, _image(SIDE.get(name, 224)), 1000)


def _cifar() -> Iterator[Entry]:
    for name, builder in getattr(cpruner.model, "ZOO", {}).items():
        yield Entry(f"cifar/{name}", "cifar", partial(builder, 10), _image(32), 10)


def _dense_prediction() -> Iterator[Entry]:
    for name in SEGMENTATION:
        make = partial(getattr(models.segmentation, name), weights=None, weights_backbone=None)
        yield Entry(f"segmentation/{name}", "segmentation", make, _image(224), 21)
    for name in VIDEO:
        make = partial(getattr(models.video, name), weights=None)
        yield Entry(f"video/{name}", "video", make, ((1, 3, 8, 112, 112),), 400)


def _timm() -> Iterator[Entry]:
    if importlib.util.find_spec("timm") is None:
        for name in TIMM:
            yield Entry(f"timm/{name}", "timm", nn.Identity, _image(224), 1000, "timm is not installed")
        return
    import timm

    for name in TIMM:
        skip = "" if timm.is_model(name) else f"timm {timm.__version__} has no such network"
        make = partial(timm.create_model, name, pretrained=False)
        yield Entry(f"timm/{name}", "timm", make, _image(224), 1000, skip)


def _torch() -> Iterator[Entry]:
    tokens = (1, TOKENS, FEATURES)
    made: dict[str, tuple[Callable[[], nn.Module], int]] = {
        "transformer_encoder": (partial(Encoder, norm_first=False), 1),
        "transformer_encoder_norm_first": (partial(Encoder, norm_first=True), 1),
        "multihead_attention": (SelfAttention, 1),
        "cross_attention": (CrossAttention, 2),
        "transformer": (Translator, 2),
    }
    for name, (make, inputs) in made.items():
        yield Entry(f"torch/{name}", "torch", make, (tokens,) * inputs, CLASSES)


def _sequence() -> Iterator[Entry]:
    made: dict[str, Callable[[], nn.Module]] = {
        "lstm": lambda: Recurrent(nn.LSTM(HIDDEN, HIDDEN, 2, batch_first=True)),
        "gru_bidirectional": lambda: Recurrent(nn.GRU(HIDDEN, HIDDEN, batch_first=True, bidirectional=True)),
        "state_space": StateSpace,
        "graph_attention": GraphAttention,
    }
    for name, make in made.items():
        yield Entry(f"sequence/{name}", "sequence", make, ((1, TOKENS, FEATURES),), CLASSES)


def zoo() -> dict[str, Entry]:
    """Every network by name, in the order of the table."""
    families = (_torchvision, _cifar, _dense_prediction, _timm, _torch, _sequence)
    return {entry.name: entry for family in families for entry in family()}


def main() -> None:
    for entry in zoo().values():
        print(f"{entry.family:<13} {entry.name:<42} {entry.skip or 'x'.join(map(str, entry.shapes[0]))}")


if __name__ == "__main__":
    main()
