"""What happens to a network after it was made: it is trained, copied, saved, restored. Each check names a failure."""

import copy
import io
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from cpruner import Candidate, materialise
from measure.count import tensors

#: Small, since the weights are random: the step shows that the optimiser reaches every parameter, not that it learns.
STEP = 1e-3


class BrokenError(Exception):
    """A network did not come through; the message says where."""


def trains(network: nn.Module, inputs: tuple[Any, ...]) -> None:
    """One step of SGD on a copy in training mode, with two examples, reaches every parameter.

    Raises:
        BrokenError: Naming parameters without a gradient, or with one that is not finite.
    """
    pupil = copy.deepcopy(network).train()
    pair = tuple(torch.cat([value, value.flip(-1)]) for value in inputs)
    optimiser = torch.optim.SGD(pupil.parameters(), lr=STEP)
    results = [value for value in tensors(pupil(*pair)) if value.is_floating_point()]
    torch.stack([value.square().mean() for value in results]).sum().backward()
    wanted = {name: parameter for name, parameter in pupil.named_parameters() if parameter.requires_grad}
    _refuse("without a gradient", [name for name, parameter in wanted.items() if parameter.grad is None])
    _refuse("with a gradient that is not finite", [n for n, p in wanted.items() if not _finite(p.grad)])
    optimiser.step()


def copies(network: nn.Module, inputs: tuple[Any, ...]) -> None:
    """A deep copy computes the same and shares no memory.

    Raises:
        BrokenError: It does not.
    """
    twin = copy.deepcopy(network)
    _same(network, twin, inputs)
    mine, theirs = (
        {tensor.data_ptr() for tensor in (*each.parameters(), *each.buffers()) if tensor.numel()}
        for each in (network, twin)
    )
    _refuse("in memory that the copy shares", [str(place) for place in mine & theirs])


def pickles(network: nn.Module, inputs: tuple[Any, ...]) -> None:
    """The whole module comes back from ``torch.save``.

    Raises:
        BrokenError: It computes something else.
    """
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    _same(network, torch.load(file, weights_only=False), inputs)


def restores(model: nn.Module, candidate: Candidate, network: nn.Module, inputs: tuple[Any, ...]) -> None:
    """The ``state_dict`` of a smaller network fits another one of the same candidate, whatever its weights are.

    Args:
        model: The dense network.
        candidate: What ``network`` was made from.
        network: The smaller network.
        inputs: Positional arguments.

    Raises:
        BrokenError: It computes something else.
    """
    other = materialise(model, candidate)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.zero_()
    other.load_state_dict(network.state_dict())
    _same(network, other, inputs)


def _finite(gradient: Tensor | None) -> bool:
    return gradient is not None and bool(torch.isfinite(gradient).all())


def _same(first: Callable[..., Any], second: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    with torch.no_grad():
        pairs = list(zip(tensors(first(*inputs)), tensors(second(*inputs)), strict=True))
    if not pairs or not all(torch.equal(one, two) for one, two in pairs):
        raise BrokenError("it computes something else")


def _refuse(what: str, names: list[str]) -> None:
    if names:
        raise BrokenError(f"{len(names)} tensors {what}: {', '.join(names[:3])}")
