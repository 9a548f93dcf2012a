"""The label sheet: which slices of which tensors must be removed together.

Every axis of a parameter that can shrink gets one fresh label per index. A tensor carries *planes*: integer arrays
with the tensor's number of dimensions that hold labels and have size 1 along every axis on which they do not vary.
Ops move planes the way they move data; where two labels must live or die together the sheet notes an edge.
"""

from dataclasses import dataclass, field

import numpy as np
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
    """Labels handed out, what ties them, and why some may not be removed.

    Args:
        count: Labels handed out so far, FIXED included.
        edges: Pairs of labels that live and die together, each of shape (2, E).
        frozen: Labels that must stay, with the reason.
        definitions: Labels that stay exactly when all their factors stay; every factor has the shape of the labels.
    """

    count: int = 1
    edges: list[Tensor] = field(default_factory=list)
    frozen: list[tuple[Tensor, str]] = field(default_factory=list)
    definitions: list[tuple[Tensor, tuple[Tensor, ...]]] = field(default_factory=list)
    _dead: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.bool))

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
            if self._dead.numel() < self.count:
                self._dead = torch.cat([self._dead, torch.zeros(self.count, dtype=torch.bool)])
            self._dead[labels] = True

    def pin(self, labels: Tensor, reason: str) -> None:
        """Never remove these few labels of a plane; unlike frozen ones they stay part of it, and so does the reason."""
        self.frozen.append((labels.flatten(), reason))

    def living(self, plane: Tensor) -> Tensor:
        """The plane with FIXED in place of labels that are known to stay."""
        known = plane.clamp(max=max(self._dead.numel() - 1, 0))
        stays = (
            self._dead[known] & (plane == known) if self._dead.numel() else torch.zeros_like(plane, dtype=torch.bool)
        )
        return torch.where(stays, FIXED, plane) if bool(stays.any()) else plane

    def conjoin(self, planes: Planes) -> Tensor:
        """Labels for an axis that several planes share: an index stays when its label in every plane stays."""
        factors = torch.broadcast_tensors(*planes)
        labels = self.fresh(factors[0].numel()).reshape(factors[0].shape)
        self.definitions.append((labels.flatten(), tuple(factor.flatten() for factor in factors)))
        return labels

    def defined(self, labels: Tensor) -> bool:
        """Whether labels are known to follow from others."""
        return any(bool(torch.isin(labels, known).any()) for known, _ in self.definitions)

    def separate(self, plane: Tensor) -> Planes:
        """Fresh labels along every axis a plane varies along, one for all places that carry the same labels.

        Its elements stay when the labels of their row, their column, ... all stay. The rows of a query projection
        become heads and dimensions inside the head that way.
        """
        parts = [along(self._places(plane, axis), axis, plane.ndim) for axis in sorted(support(plane))]
        self.definitions.append((plane.flatten(), tuple(part.expand(plane.shape).flatten() for part in parts)))
        return tuple(parts)

    def _places(self, plane: Tensor, axis: int) -> Tensor:
        rows = plane.movedim(axis, 0).flatten(1).numpy()
        _, first, kind = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        order = torch.from_numpy(first.argsort().argsort()[kind.reshape(-1)])
        return self.fresh(len(first))[order]
