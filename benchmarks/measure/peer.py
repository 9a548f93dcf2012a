"""The same columns for Torch-Pruning, by the settings of its own examples."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torchvision.models import VisionTransformer
from zoo import Entry

from measure.count import macs, parameters, shapes
from measure.memory import peak_mb

RATIO = 0.5

Facts = dict[str, Any]


def classifiers(model: nn.Module, classes: int) -> list[nn.Module]:
    """Layers with one output per class; pruning them would change what the network answers."""
    kinds = (nn.Linear, _ConvNd)
    outputs = ((module, module.weight.shape[0]) for module in model.modules() if isinstance(module, kinds))
    return [module for module, size in outputs if size == classes]


def pruner(model: nn.Module, inputs: tuple[Tensor, ...], classes: int, ratio: float = RATIO, **settings: Any) -> Any:
    """Its magnitude pruner, which removes this share of all channels: the dependency graph is built here."""
    import torch_pruning as tp

    return tp.pruner.MagnitudePruner(
        model,
        example_inputs=inputs if len(inputs) > 1 else inputs[0],
        importance=tp.importance.MagnitudeImportance(p=2),
        pruning_ratio=ratio,
        ignored_layers=classifiers(model, classes),
        **settings,
    )


def measure(entry: Entry) -> Iterator[Facts]:
    """Facts as they become known; ``stage`` says what is being done next."""
    yield {"stage": "build"}
    model, inputs = entry.build(), entry.inputs()
    yield {"stage": "dense forward"}
    dense, output = macs(model, inputs)
    yield {"params": parameters(model), "macs": dense, "by_hand": False, "stage": "prune and run"}
    facts: Facts = {}
    try:
        facts |= prune(model, inputs, entry.classes)
        work, result = macs(model, inputs)
    except Exception as error:
        if not isinstance(model, VisionTransformer):
            raise
        model = entry.build()
        facts |= {
            **by_hand(model, inputs, entry.classes),
            "by_hand": True,
            "without_hand": f"{type(error).__name__}: {error}",
        }
        work, result = macs(model, inputs)
    yield {
        **facts,
        "small_params": parameters(model),
        "small_macs": work,
        "same_shapes": shapes(output) == shapes(result),
        "peak_mb": peak_mb(),
        "stage": "own count",
    }
    yield {"small_own_macs": own_count(model, inputs), "own_macs": own_count(entry.build(), inputs), "stage": ""}


def prune(model: nn.Module, inputs: tuple[Tensor, ...], classes: int, **settings: Any) -> Facts:
    """Prune the model in place and say how long it took."""
    start = time.perf_counter()
    made = pruner(model, inputs, classes, **settings)
    construct = time.perf_counter() - start
    made.step()
    return {"trace_s": construct, "materialise_s": time.perf_counter() - start}


def by_hand(model: Any, inputs: tuple[Tensor, ...], classes: int) -> Facts:
    """What its example script does for torchvision's vision transformers.

    It rounds to the number of heads and mends the model's own attribute afterwards.
    """
    facts = prune(model, inputs, classes, round_to=model.encoder.layers[0].num_heads)
    model.hidden_dim = model.conv_proj.out_channels
    return facts


def own_count(model: nn.Module, inputs: tuple[Tensor, ...]) -> float | None:
    """Multiply-adds by its own counter, which has other rules than torch's; None where that fails."""
    import torch_pruning as tp

    try:
        with torch.no_grad():
            return float(tp.utils.count_ops_and_params(model, inputs if len(inputs) > 1 else inputs[0])[0])
    except Exception:
        return None


def faults(facts: Mapping[str, Any]) -> list[str]:
    """What is wrong with a run that ended without an error; empty if nothing."""
    found = [] if facts["same_shapes"] else ["the outputs have other shapes"]
    if facts["small_params"] >= facts["params"]:
        found.append("nothing was pruned")
    return found
