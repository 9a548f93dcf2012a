"""Activation statistics of the dense network, gathered once on training images."""

import weakref
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd

from cpruner.errors import InputError
from cpruner.repair.layer import Positions, input_rows, output_rows, refittable
from cpruner.repair.moment import Moments, moments
from cpruner.repair.spec import Repair
from cpruner.space import evaluating

#: More inputs of one output value than this: the second moments alone would take over half a gigabyte.
_MOST_INPUTS = 8192


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
    recorder = _Recorder(model, spec)
    watched = [module for module in model.modules() if isinstance(module, _ConvNd | nn.Linear | _BatchNorm)]
    with evaluating(model), torch.no_grad(), hooked(watched, recorder):
        model(images)
    return recorder.statistics(images)


@final
class _Recorder:
    """A forward hook that samples rows of layers and notes which batch norm reads which layer."""

    def __init__(self, model: nn.Module, spec: Repair) -> None:
        self._paths = {id(module): path for path, module in model.named_modules()}
        self._positions, self._generator = spec.positions, torch.Generator().manual_seed(spec.seed)
        self._layers: dict[str, Layer] = {}
        self._skipped: dict[str, str] = {}
        self._followers: dict[str, str] = {}
        self._calls = Counter[str]()
        self._made: dict[int, tuple[weakref.ref[Tensor], int, str]] = {}

    def __call__(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        path = self._paths[id(module)]
        self._calls[path] += 1
        if isinstance(module, _BatchNorm):
            self._follow(module, path, args)
            return
        reason = _unsuited(module, args, output)
        if reason is not None:
            self._skipped[path] = reason
        elif self._calls[path] == 1:
            at = Positions.draw(output, self._positions, self._generator)
            target = output_rows(module, output, at)
            self._layers[path] = Layer(at, target, moments(input_rows(module, args[0], at), target))
            self._made[id(output)] = (weakref.ref(output), output._version, path)

    def _follow(self, norm: _BatchNorm, path: str, args: tuple[Any, ...]) -> None:
        """Note the layer whose output this is, unless an in-place op came between."""
        if not args or norm.running_mean is None or id(args[0]) not in self._made:
            return
        made, version, source = self._made[id(args[0])]
        output = made()
        if output is not None and output is args[0] and output._version == version:
            self._followers[source] = path

    def statistics(self, images: Tensor) -> Statistics:
        """What was seen, without the modules that ran more than once."""
        once = {path for path, count in self._calls.items() if count == 1}
        reused = {path: "called more than once" for path in self._layers if path not in once}
        return Statistics(
            images=images,
            layers={path: layer for path, layer in self._layers.items() if path in once},
            normalised_by={path: norm for path, norm in self._followers.items() if {path, norm} <= once},
            skipped={**self._skipped, **reused},
        )


def _unsuited(module: nn.Module, args: tuple[Any, ...], output: Any) -> str | None:
    """Why a layer cannot be refitted, or None."""
    weight = module.weight
    if not refittable(module):
        return "not a plain 2-d convolution with zero padding"
    if not args or not isinstance(weight, nn.Parameter):
        return "called or parametrised in an unusual way"
    if output.ndim < 2 or (isinstance(module, nn.Conv2d) and output.ndim != 4):
        return "its input has no batch axis"
    if weight[0].numel() > _MOST_INPUTS:
        return f"more than {_MOST_INPUTS} inputs"
    return None


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
