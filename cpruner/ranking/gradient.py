"""Weights times gradients of the loss on labelled training images, in a network that is left as it was.

Axis letters: B images of a batch, K classes.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError
from cpruner.ranking.evidence import Evidence
from cpruner.space import fresh, untouched


def minibatches(evidence: Evidence) -> list[tuple[Tensor, Tensor]]:
    """The first ``spec.images`` images and labels in batches of ``spec.batch_size``, however they came.

    Raises:
        InputError: There are none, or a batch is not one of images and as many labels.
    """
    wanted = evidence.spec.images
    images: list[Tensor] = []
    labels: list[Tensor] = []
    for inputs, labels_B in evidence.batches:
        _check_labels(inputs, labels_B)
        images.append(inputs[:wanted])
        labels.append(labels_B[:wanted])
        wanted -= len(images[-1])
        if wanted <= 0:
            break
    if not images:
        remedy = f"Give training batches, or rank by a criterion other than {evidence.spec.criterion}."
        raise InputError("batches", expected="at least one batch of (inputs, labels)", got="none", remedy=remedy)
    size = evidence.spec.batch_size
    return list(zip(torch.cat(images).split(size), torch.cat(labels).split(size), strict=True))


def _check_labels(inputs: Tensor, labels: object) -> None:
    if not isinstance(labels, Tensor) or labels.dtype != torch.int64 or labels.shape != inputs.shape[:1]:
        got = f"{labels.dtype} of shape {tuple(labels.shape)}" if isinstance(labels, Tensor) else type(labels).__name__
        remedy = "Give class numbers, or rank by a criterion without gradients."
        raise InputError("labels", expected=f"int64 of shape ({len(inputs)},)", got=got, remedy=remedy)


def weighted_gradients(model: nn.Module, inputs: Tensor, labels_B: Tensor) -> dict[str, Tensor]:
    """``w * dL/dw`` of every parameter, L the mean cross-entropy over a batch in eval mode; float64 on the CPU.

    Args:
        model: From inputs to logits (B, K); afterwards exactly as before.
        inputs: Images, first axis B.
        labels_B: Class numbers.

    Raises:
        InputError: The output is not a (B, K) tensor that depends on parameters, or a label is not in 0..K-1.
    """
    device = next(model.parameters()).device
    with untouched(model), torch.enable_grad(), learning(model) as parameters:
        inputs, labels_B = fresh((inputs.to(device), labels_B.to(device)))  # none made in inference mode
        logits_BK = _checked(model(inputs), labels_B)
        loss = functional.cross_entropy(logits_BK.double(), labels_B)  # p - 1 is 0 in float32 for images that are sure
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
    return {
        name: parameter.detach().to("cpu", torch.float64) * gradient.to("cpu", torch.float64)
        for (name, parameter), gradient in zip(parameters.items(), gradients, strict=True)
        if gradient is not None
    }


def _checked(output: object, labels_B: Tensor) -> Tensor:
    """The output as logits (B, K)."""
    shaped = isinstance(output, Tensor) and output.ndim == 2 and output.shape[:1] == labels_B.shape
    if not isinstance(output, Tensor) or not shaped or not output.requires_grad:
        got = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
        raise InputError(
            "network output",
            expected=f"logits of shape ({len(labels_B)}, classes) that depend on parameters",
            got=f"{got} without a gradient" if shaped else got,
            remedy="Wrap the network so that it returns one row of logits per image, or rank without gradients.",
        )
    if not 0 <= int(labels_B.min()) <= int(labels_B.max()) < output.shape[1]:
        raise InputError(
            "labels",
            expected=f"class numbers in 0..{output.shape[1] - 1}, the network's outputs",
            got=f"{int(labels_B.min())}..{int(labels_B.max())}",
            remedy="Use the labels the network was trained with.",
        )
    return output


@contextmanager
def learning(model: nn.Module) -> Iterator[dict[str, nn.Parameter]]:
    """Parameters by name, each asking for a gradient inside, even those that are frozen."""
    parameters = {name: p for name, p in model.named_parameters() if p.is_floating_point()}
    asked = [(parameter, parameter.requires_grad) for parameter in parameters.values()]
    try:
        for parameter in parameters.values():
            parameter.requires_grad_(True)
        yield parameters
    finally:
        for parameter, before in asked:
            parameter.requires_grad_(before)
