"""The label sheet: which slices of which tensors must be removed together.

Every axis of a parameter that can shrink gets one fresh label per index. A tensor carries *planes*: integer arrays
with the tensor's number of dimensions that hold labels and have size 1 along every axis on which they do not vary.
Ops move planes the way they move data; where two labels must live or die together the sheet notes an edge.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

#: Label of an element that can never be removed.
FIXED = 0

Planes = tuple[Tensor, ...]


def support(plane: Tensor) -> frozenset[int]:
    """Axes along which a plane varies."""
    return frozenset(axis for axis, size in enumerate(plane.shape) if size > 1)


def compact(plane: Tensor) -> Tensor:
    """Shrink to size 1 every axis along which the labels do not change."""
    for axis in range(plane.ndim):
        first = plane.narrow(axis, 0, 1)
        if plane.shape[axis] > 1 and bool((plane == first).all()):
            plane = first
    return plane


def along(labels: Tensor, axis: int, ndim: int) -> Tensor:
    """A plane that varies along one axis only."""
    shape = [1] * ndim
    shape[axis] = labels.numel()
    return labels.reshape(shape)


def plane_of(planes: Planes, axis: int) -> Tensor | None:
    """Labels along ``axis`` as a vector, if exactly one plane varies there and nowhere else."""
    touching = [plane for plane in planes if axis in support(plane)]
    if len(touching) == 1 and support(touching[0]) == {axis}:
        return touching[0].flatten()
    return None


@dataclass
class Sheet:
    """Labels handed out, the edges between them, and why some may not be removed."""

    count: int = 1
    edges: list[Tensor] = field(default_factory=list)
    frozen: list[tuple[Tensor, str]] = field(default_factory=list)

    def fresh(self, size: int) -> Tensor:
        """Hand out ``size`` new labels."""
        labels = torch.arange(self.count, self.count + size)
        self.count += size
        return labels

    def unite(self, left: Tensor, right: Tensor, reason: str) -> Tensor:
        """Tie two label arrays element by element; a FIXED element freezes its partner for ``reason``.

        Returns:
            The tied labels, FIXED where either side is.
        """
        left, right = torch.broadcast_tensors(left, right)
        both = (left != FIXED) & (right != FIXED)
        self.edges.append(torch.stack([left[both], right[both]]))
        self.freeze(left[right == FIXED], reason)
        self.freeze(right[left == FIXED], reason)
        return torch.where(both, left, torch.zeros_like(left))

    def freeze(self, labels: Tensor, reason: str) -> None:
        """Never remove these labels, nor what is tied to them."""
        labels = labels[labels != FIXED].flatten()
        if labels.numel():
            self.frozen.append((labels, reason))
