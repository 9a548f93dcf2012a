"""The search split with the dense network's answers. Axis letters: N images, B batch, K classes."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, final

import torch
from torch import Tensor, nn

from cpruner.evaluate.lent import lent
from cpruner.evaluate.score import Score, Tally, check_batch

Labelled = Iterable[tuple[Tensor, Tensor]]
Judged = tuple[Tensor, Tensor, Tensor | None]


class EvaluationSet(Protocol):
    """Images to judge candidates on, always the same ones in the same order."""

    @property
    def total(self) -> int:
        """Number of images N."""
        ...

    def batches(self, size: int) -> Iterator[Judged]:
        """Inputs (B, ...), labels (B,) and logits of the dense network (B, K), or None where they are not known."""
        ...

    @property
    def fingerprint(self) -> str:
        """Hash of images, labels and dense logits."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Gathered:
    """Images held in memory, in the order in which they are judged."""

    inputs_N: Tensor
    labels_N: Tensor
    dense_NK: Tensor

    @property
    def total(self) -> int:
        """Number of images."""
        return len(self.labels_N)

    def batches(self, size: int) -> Iterator[Judged]:
        """The fewest batches of at most ``size`` images, all of one size give or take one image."""
        count = math.ceil(self.total / size)
        held = (self.inputs_N, self.labels_N, self.dense_NK)
        yield from zip(*(part.tensor_split(count) for part in held), strict=True)

    def ordered(self, order: Tensor) -> "Gathered":
        """The images of ``order``, in that order."""
        order = order.to(self.labels_N.device)
        return Gathered(self.inputs_N[order], self.labels_N[order], self.dense_NK[order])

    @property
    def fingerprint(self) -> str:
        """Hash of images, labels and dense logits."""
        return digest(self.inputs_N, self.labels_N, self.dense_NK)


@final
@dataclass(frozen=True, eq=False)
class Streamed:
    """Images that are read anew for every candidate, in the loader's own batches and order.

    Args:
        loader: The search split.
        labels_N: Its labels as read when the dense network was judged.
        dense_NK: The dense network's logits, same order.
        total: Number of images judged, the first ones.
        size: Images in its first batch.
    """

    loader: Labelled
    labels_N: Tensor
    dense_NK: Tensor
    total: int
    size: int

    def batches(self, size: int) -> Iterator[Judged]:  # noqa: ARG002 - the loader has its own
        """The loader's batches, whatever their size; no dense logits for a batch that comes in another order."""
        done = 0
        for inputs, labels_B in self.loader:
            upto = min(done + len(labels_B), self.total)
            same = torch.equal(labels_B[: upto - done].cpu(), self.labels_N[done:upto].cpu())
            yield inputs[: upto - done], labels_B[: upto - done], self.dense_NK[done:upto] if same else None
            done = upto
            if done == self.total:
                return

    @property
    def fingerprint(self) -> str:
        """Hash of labels and dense logits, which stand for the images."""
        return digest(self.labels_N, self.dense_NK, torch.tensor(self.total))


def examine(network: nn.Module, batches: Labelled, memory: int) -> tuple[Score, Gathered | Streamed]:
    """Judge the dense network on all images, and keep its logits and, where they fit, the images.

    Args:
        network: The dense network; comes back as it was.
        batches: The search split; gone through once.
        memory: Bytes of images that may be held.

    Raises:
        InputError: There is no image, or they cannot be judged.
    """
    tally, size = Tally(), 0
    held: list[Tensor] = []
    labels: list[Tensor] = []
    dense: list[Tensor] = []
    with lent(network) as where, torch.inference_mode():
        for inputs, labels_B in batches:
            there = inputs.to(where, non_blocking=True)
            logits_BK = network(there)
            check_batch(logits_BK, labels_B)
            labels.append(labels_B.to(where, non_blocking=True))
            dense.append(logits_BK)
            tally.add(logits_BK, labels[-1])
            size += there.nbytes
            held.append(there)
            if size > memory:
                held.clear()
    judged = tally.score()
    labels_N, dense_NK = torch.cat(labels), torch.cat(dense)
    if size <= memory:
        return judged, Gathered(torch.cat(held), labels_N, dense_NK)
    return judged, Streamed(batches, labels_N, dense_NK, len(labels_N), len(labels[0]))


def digest(*tensors: Tensor) -> str:
    """Hash of tensors: type, shape and content."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]
