"""One torchvision network of every family, at a small input size: exports where the dense network does."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

import pytest
from measure.deploy import TOLERANCE, compiled, exported, through_onnx
from measure.roundtrip import error, reason
from torch import Tensor, nn
from torchvision.models import get_model
from torchvision.models.maxvit import MaxVit
from zoo import zoo

from cpruner.candidate import materialise
from cpruner.space import trace

pytestmark = pytest.mark.slow

SIDE = {"inception_v3": 96, "vit_b_32": 64, "maxvit_t": 64}
NAMES = [
    *("alexnet", "convnext_tiny", "densenet121", "efficientnet_b0", "efficientnet_v2_s", "googlenet", "inception_v3"),
    *("maxvit_t", "mnasnet0_5", "mobilenet_v2", "mobilenet_v3_small", "regnet_x_400mf", "regnet_y_400mf", "resnet18"),
    *("resnext50_32x4d", "shufflenet_v2_x0_5", "squeezenet1_1", "swin_t", "swin_v2_t", "vgg11_bn", "vit_b_32"),
    *("segmentation/lraspp_mobilenet_v3_large", "timm/pvt_v2_b0", "timm/mobilevit_s", "timm/levit_128"),
]
SMALLER: dict[str, Callable[[], nn.Module]] = {
    "vit_b_32": partial(get_model, "vit_b_32", weights=None, image_size=64),
    "maxvit_t": partial(MaxVit, (64, 64), 16, 2, [16, 32], [1, 2], 8, 0.0),
}
WAYS = {"export": exported, "onnx": through_onnx, "compile": partial(compiled, backend="eager")}


@lru_cache(maxsize=1)
def networks(name: str) -> tuple[nn.Module, nn.Module, tuple[Tensor, ...]]:
    """The dense network, half of it, and inputs."""
    entry = zoo()[name]
    if entry.skip:
        pytest.skip(entry.skip)
    side = 224 if entry.family == "timm" else SIDE.get(name, 64)
    entry = replace(entry, shapes=((1, 3, side, side),), make=SMALLER.get(name, entry.make))
    model, inputs = entry.build(), entry.inputs()
    return model, materialise(model, trace(model, inputs).uniform(0.5)), inputs


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", NAMES)
def test_the_pruned_network_leaves_where_the_dense_one_does(way: str, name: str) -> None:
    if way == "onnx":
        pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    model, small, inputs = networks(name)
    leave: Callable[[nn.Module, tuple[Any, ...]], list[Tensor]] = WAYS[way]
    try:
        error(leave, model, inputs)
    except Exception as raised:
        pytest.skip(f"the dense network does not: {reason(raised)}")
    assert error(leave, small, inputs) <= TOLERANCE
