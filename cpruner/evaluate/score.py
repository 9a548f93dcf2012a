"""Accuracy and loss of a network. Axis letters: B batch, K classes."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cpruner.errors import InputError
from cpruner.evaluate.lent import lent


@dataclass(frozen=True)
class Score:
    """How well a network does on a split.

    Args:
        accuracy: Share of images whose largest logit is the label's, in [0, 1].
        loss: Mean cross-entropy, nats; infinite if any logit is not finite.
        images: Number of images it was judged on.
        divergence: Mean KL(dense || network) of the class probabilities in nats per image; None without dense logits.
        abandoned: The accuracy that was out of reach when judging stopped early, so that every number here is an
            estimate on the first ``images`` images; None if the network was judged to the end.
    """

    accuracy: float
    loss: float
    images: int
    divergence: float | None = None
    abandoned: float | None = None

    @property
    def complete(self) -> bool:
        """Whether the network was judged to the end; only then may it be compared with others of its kind."""
        return self.abandoned is None


@final
class Tally:
    """Judged images, batch by batch; nothing is read back from the device before it is asked for."""

    def __init__(self) -> None:
        self.images = 0
        self._right: list[Tensor] = []
        self._loss: list[Tensor] = []
        self._divergence: list[Tensor] = []
        self._compared = True

    def add(self, logits_BK: Tensor, labels_B: Tensor, dense_BK: Tensor | None = None) -> None:
        """Judge one batch.

        Args:
            logits_BK: Of the network.
            labels_B: Right answers.
            dense_BK: Logits of the dense network on the same images, if known.
        """
        finite_B = logits_BK.isfinite().all(dim=1)
        logits_BK = logits_BK.double()
        loss_B = functional.cross_entropy(logits_BK, labels_B, reduction="none")
        self.images += len(labels_B)
        self._right.append((logits_BK.argmax(dim=1) == labels_B) & finite_B)
        self._loss.append(loss_B.where(finite_B, torch.inf))
        if dense_BK is None:
            self._compared = False
        else:
            self._divergence.append(divergence(dense_BK, logits_BK).where(finite_B, torch.inf))

    @property
    def correct(self) -> int:
        """Images that were right so far."""
        return int(_total(self._right))

    def score(self, abandoned: float | None = None) -> Score:
        """The mean over all images so far.

        Raises:
            InputError: There was no image.
        """
        if self.images == 0:
            remedy = "Give a split that is not empty."
            raise InputError("batches", expected="at least one image", got="none", remedy=remedy)
        diverged = float(_total(self._divergence)) / self.images if self._compared else None
        loss = float(_total(self._loss)) / self.images
        return Score(self.correct / self.images, loss, self.images, diverged, abandoned)


def divergence(dense_BK: Tensor, logits_BK: Tensor) -> Tensor:
    """KL(dense || network) of the class probabilities, image by image, nats, shape (B,).

    Zero where both agree; unlike the cross-entropy with the labels it does not count again what the dense network gets
    wrong, so it varies less from image to image (the loss of distillation at temperature 1, Hinton, Vinyals and Dean
    2015, section 2).
    """
    log_dense_BK, log_BK = (logits.double().log_softmax(dim=1) for logits in (dense_BK, logits_BK))
    return functional.kl_div(log_BK, log_dense_BK, reduction="none", log_target=True).sum(dim=1).clamp_min(0)


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
    tally = Tally()
    with lent(network, device) as where, torch.inference_mode():
        for inputs, labels_B in batches:
            logits_BK = network(inputs.to(where, non_blocking=True))
            check_batch(logits_BK, labels_B)
            tally.add(logits_BK, labels_B.to(where, non_blocking=True))
    return tally.score()


def check_batch(logits_BK: object, labels_B: Tensor) -> None:
    """Refuse what cannot be judged.

    Raises:
        InputError: The output is not a (B, K) tensor, or a label is not in 0..K-1.
    """
    classes = check_logits(logits_BK, labels_B)
    if len(labels_B) and not 0 <= int(labels_B.min()) <= int(labels_B.max()) < classes:
        raise InputError(
            "labels",
            expected=f"class numbers in 0..{classes - 1}, the network's outputs",
            got=f"{int(labels_B.min())}..{int(labels_B.max())}",
            remedy="Use the labels the network was trained with.",
        )


def check_logits(logits_BK: object, labels_B: Tensor) -> int:
    """The number of classes K; reads no number back from the device.

    Raises:
        InputError: The output is not a (B, K) tensor.
    """
    if isinstance(logits_BK, Tensor) and logits_BK.ndim == 2 and labels_B.shape == logits_BK.shape[:1]:
        return logits_BK.shape[1]
    got = tuple(logits_BK.shape) if isinstance(logits_BK, Tensor) else type(logits_BK).__name__
    raise InputError(
        "network output",
        expected=f"logits of shape ({len(labels_B)}, classes) for labels of shape ({len(labels_B)},)",
        got=f"{got} for labels of shape {tuple(labels_B.shape)}",
        remedy="Wrap the network so that it returns one row of logits per image.",
    )


def _total(parts: list[Tensor]) -> Tensor:
    return torch.stack([part_B.sum() for part_B in parts]).sum()
