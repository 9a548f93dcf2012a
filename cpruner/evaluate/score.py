"""Accuracy and loss of a network. Axis letters: B batch, K classes."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError


@dataclass(frozen=True)
class Score:
    """How well a network does on a split.

    Args:
        accuracy: Share of images whose largest logit is the label's, in [0, 1].
        loss: Mean cross-entropy, nats; infinite if any logit is not finite.
        images: Number of images it was judged on.
    """

    accuracy: float
    loss: float
    images: int


def score(
    network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], device: torch.device | str | None = None
) -> Score:
    """Judge a network; it comes back as it was, on its device and in its training or eval mode.

    Args:
        network: From inputs to logits (B, K).
        batches: Inputs and int64 labels (B,); gone through once.
        device: Where to compute; None is where the network is.

    Returns:
        The score. An image with a logit that is not finite counts as wrong.

    Raises:
        InputError: If there is no image, the output is not a (B, K) tensor, or a label is not in 0..K-1.
    """
    correct, loss, images = 0, 0.0, 0
    with _judged(network, device) as where, torch.inference_mode():
        for inputs, labels in batches:
            logits_BK = network(inputs.to(where, non_blocking=True))
            labels_B = labels.to(where, non_blocking=True)
            _check_batch(logits_BK, labels_B)
            right_B, loss_B = _judge(logits_BK, labels_B)
            correct += int(right_B.sum())
            loss += float(loss_B.sum())
            images += len(labels_B)
    if images == 0:
        raise InputError("batches", expected="at least one image", got="none", remedy="Give a split that is not empty.")
    return Score(correct / images, loss / images, images)


def _judge(logits_BK: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor]:
    """Return right or wrong, and the loss in nats, image by image."""
    finite_B = logits_BK.isfinite().all(dim=1)
    right_B = (logits_BK.argmax(dim=1) == labels_B) & finite_B
    loss_B = functional.cross_entropy(logits_BK.double(), labels_B, reduction="none")
    return right_B, loss_B.where(finite_B, torch.inf)


def _check_batch(logits_BK: object, labels_B: Tensor) -> None:
    if not isinstance(logits_BK, Tensor) or logits_BK.ndim != 2 or labels_B.shape != logits_BK.shape[:1]:
        got = tuple(logits_BK.shape) if isinstance(logits_BK, Tensor) else type(logits_BK).__name__
        raise InputError(
            "network output",
            expected=f"logits of shape ({len(labels_B)}, classes) for labels of shape ({len(labels_B)},)",
            got=f"{got} for labels of shape {tuple(labels_B.shape)}",
            remedy="Wrap the network so that it returns one row of logits per image.",
        )
    if len(labels_B) and not 0 <= int(labels_B.min()) <= int(labels_B.max()) < logits_BK.shape[1]:
        raise InputError(
            "labels",
            expected=f"class numbers in 0..{logits_BK.shape[1] - 1}, the network's outputs",
            got=f"{int(labels_B.min())}..{int(labels_B.max())}",
            remedy="Use the labels the network was trained with.",
        )


@contextmanager
def _judged(network: nn.Module, device: torch.device | str | None) -> Iterator[torch.device]:
    """Put the network in eval mode on a device, and afterwards back as it was, module by module."""
    first = next(network.parameters(), None)
    home = torch.device("cpu") if first is None else first.device
    where = home if device is None else torch.device(device)
    training = [(module, module.training) for module in network.modules()]
    try:
        network.to(where).eval()
        yield where
    finally:
        network.to(home)
        for module, mode in training:
            module.training = mode
