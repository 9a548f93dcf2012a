"""Activation statistics of the dense network, gathered once on training images, in a stream."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.errors import InputError
from cpruner.repair.spec import Repair
from cpruner.repair.statistics.layer import Layer, Skipped
from cpruner.repair.statistics.recorder import Recorder
from cpruner.repair.watch import bytes_of, watched
from cpruner.space import PruningSpace, untouched


@dataclass(frozen=True)
class Statistics:
    """What repair knows of the dense network.

    Args:
        images: The training images, (N, ...), on the model's device.
        pass_images: How many of them, from the first on, a sequential pass runs through at once.
        layers: By name of the weight, in execution order.
        skipped: Weights that are left as cut, with the reason; see ``unrepaired``.
        mode: The mode they were gathered for.
    """

    images: Tensor
    pass_images: int
    layers: Mapping[str, Layer]
    skipped: Mapping[str, Skipped]
    mode: str

    @property
    def entering(self) -> Tensor:
        """The images of a sequential pass."""
        return self.images[: self.pass_images]


def gather(model: nn.Module, batches: Iterable[tuple[Tensor, Any]], spec: Repair) -> Statistics:
    """Run the dense network once over ``spec.images`` training images, a batch at a time.

    Args:
        model: The dense network; afterwards exactly as before.
        batches: Batches of (inputs, labels), first axis images.
        spec: Number of images and positions, memory, mode, seed.

    Raises:
        InputError: No images.
    """
    with untouched(model):
        images = first_images(batches, spec.images).to(next(model.parameters()).device)
        recorder = Recorder(model, spec)
        room = max(1, spec.memory * 2**20 // bytes_of(model, images[:1]))
        count = min(len(images), room if spec.mode == "sequential" else min(room, spec.batch))
        for number, batch in enumerate((images[:count], *images[count:].split(min(count, spec.batch)))):
            if len(batch):
                recorder.begin(len(batch), first=number == 0)
                with watched(model, recorder):
                    model(batch)
    return Statistics(images, count, *recorder.found(), spec.mode)


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


def unrepaired(space: PruningSpace, statistics: Statistics) -> dict[str, str]:
    """Weights that may lose inputs and are left as cut, with the reason: what they read is not made up for.

    Args:
        space: The pruning space.
        statistics: Of the same network.
    """
    found = {}
    for name, skipped in statistics.skipped.items():
        if any(cut.axis in skipped.axes for cut in space.plan.cuts_of.get(name, ())):
            found[name] = skipped.reason
    return found
