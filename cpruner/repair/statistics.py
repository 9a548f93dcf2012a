"""Activation statistics of the dense network, gathered once on training images."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.repair.layer import Positions, input_rows, output_rows, refittable
from cpruner.repair.moment import Moments, moments
from cpruner.repair.spec import Repair
from cpruner.space import untouched


@dataclass(frozen=True)
class Layer:
    """One refittable layer: sampled positions, dense outputs there, and moments of the dense network."""

    at: Positions
    output_MO: Tensor
    dense: Moments


@dataclass(frozen=True)
class Statistics:
    """What repair knows of the dense network.

    Args:
        images: The training images, (N, ...), on the model's device.
        layers: By module path, in execution order.
        normalised_by: Batch-norm module that reads a layer's output directly, by the layer's path.
        skipped: Layers that are left as cut, with the reason.
    """

    images: Tensor
    layers: Mapping[str, Layer]
    normalised_by: Mapping[str, str]
    skipped: Mapping[str, str]


def gather(model: nn.Module, batches: Iterable[tuple[Tensor, Any]], spec: Repair) -> Statistics:
    """Run the dense network once over ``spec.images`` training images.

    Args:
        model: The dense network; afterwards exactly as before.
        batches: Batches of (inputs, labels), first axis images.
        spec: Number of images and positions, seed.

    Raises:
        InputError: No images.
    """
    images = first_images(batches, spec.images).to(next(model.parameters()).device)
    generator = torch.Generator().manual_seed(spec.seed)
    paths = {id(module): path for path, module in model.named_modules()}
    layers: dict[str, Layer] = {}
    followers: dict[str, str] = {}
    made: dict[int, tuple[Tensor, str]] = {}
    calls: dict[str, int] = {}

    def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        path = paths[id(module)]
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            source = made.get(id(inputs[0]))
            if source is not None:
                followers[source[1]] = path
            return
        calls[path] = calls.get(path, 0) + 1
        at = Positions.draw(output, spec.positions, generator)
        target = output_rows(module, output, at)
        layers[path] = Layer(at, target, moments(input_rows(module, inputs[0], at), target))
        made[id(output)] = (output, path)

    watched = [m for m in model.modules() if refittable(m) or isinstance(m, nn.modules.batchnorm._BatchNorm)]
    with untouched(model), torch.no_grad(), hooked(watched, record):
        model(images)
    reused = {path: "called more than once" for path, count in calls.items() if count > 1}
    return Statistics(images, {p: s for p, s in layers.items() if p not in reused}, followers, reused)


def first_images(batches: Iterable[tuple[Tensor, Any]], count: int) -> Tensor:
    """The first ``count`` images of an iterable of batches.

    Raises:
        InputError: There are none.
    """
    parts: list[Tensor] = []
    for inputs, _ in batches:
        parts.append(inputs[: count - sum(map(len, parts))])
        if sum(map(len, parts)) >= count:
            break
    if not parts:
        raise InputError(
            "train", expected="at least one batch of (inputs, labels)", got="none", remedy="Check the loader."
        )
    return torch.cat(parts)


@contextmanager
def hooked(modules: Iterable[nn.Module], hook: Any) -> Iterator[None]:
    """Forward hooks that are gone when the block ends."""
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
