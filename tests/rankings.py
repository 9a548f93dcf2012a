"""Networks whose rankings can be worked out by hand, and the evidence to rank them by."""

from typing import Any

import torch
from torch import Tensor, nn

from cpruner.ranking import Evidence, Rank
from cpruner.repair import Repair, gather
from cpruner.space import trace


def pair(first: Any, second: Any) -> nn.Module:
    """Two linear layers without bias, float64, with these weights."""
    a, b = (torch.tensor(rows, dtype=torch.float64) for rows in (first, second))
    model = nn.Sequential(nn.Linear(*reversed(a.shape), bias=False), nn.Linear(*reversed(b.shape), bias=False)).double()
    with torch.no_grad():
        model[0].weight.copy_(a)
        model[1].weight.copy_(b)
    return model.eval()


def undecided() -> nn.Module:
    """Three units; for the input 1 both logits are 5, so p = (1/2, 1/2) and the gradient at the logits is +-1/2.

    ``z = B a`` with a = (1, 1, 1). The weight ``a_j`` has ``w dL/dw = a_j (B_1j - B_0j) / 2`` for label 0, which is
    3/2, -1 and -1/2, and column j of B has ``-B_0j / 2`` and ``B_1j / 2``, which has the same sum. Label 1 turns the
    signs round.
    """
    return pair([[1.0], [1.0], [1.0]], [[0.0, 4.0, 1.0], [3.0, 2.0, 0.0]])


def batch(*labels: int) -> tuple[Tensor, Tensor]:
    """The input 1 with each of these labels."""
    return torch.ones(len(labels), 1, dtype=torch.float64), torch.tensor(labels)


def evidence(model: nn.Module, example: Tensor, *batches: tuple[Tensor, Tensor], **options: Any) -> Evidence:
    """A traced network with training batches."""
    return Evidence(model, trace(model, example), batches, spec=Rank(**options))


def whole(model: nn.Module, images: Tensor, labels: Tensor, **options: Any) -> Evidence:
    """The same with statistics."""
    statistics = gather(model, [(images, labels)], Repair(images=len(images), positions=4))
    return Evidence(model, trace(model, images[:2]), [(images, labels)], statistics, Rank(**options))
