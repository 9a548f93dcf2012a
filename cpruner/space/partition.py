"""From tied labels to units, and from units to groups.

Labels connected by an edge form one unit. Units that occupy the same tensor axes equally often form one group:
removing either costs the same, so a group needs one number, its width.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from cpruner.space.group import Frozen
from cpruner.space.plan import FIXED
from cpruner.space.sheet import Sheet


@dataclass(frozen=True)
class Partition:
    """Unit of every label, group sizes in network order, the first axis of every group, and what is frozen."""

    unit_of_label: NDArray[np.int64]
    sizes: tuple[int, ...]
    leaders: tuple[tuple[str, int], ...]
    frozen: tuple[Frozen, ...]

    def units(self, labels: Tensor) -> tuple[int, ...]:
        """Units of a label vector; FIXED for what cannot be removed."""
        return tuple(int(unit) for unit in self.unit_of_label[labels.numpy()])


def partition(
    sheet: Sheet, axes: Mapping[tuple[str, int], Tensor], producers: Mapping[tuple[str, int], int]
) -> Partition:
    """Split labels into units and groups.

    Args:
        sheet: Edges and freezes of a finished trace.
        axes: Labels along every parameter and buffer axis met.
        producers: Axes that make channels, with the order in which they first ran.
    """
    component = _components(sheet)
    reason_of = _reasons(sheet, component)
    members: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for unit, footprint in _footprints(component, axes).items():
        if unit not in reason_of:
            members.setdefault(footprint, []).append(unit)
    keys = list(axes)
    groups = [(_leader(keys, footprint, producers), units) for footprint, units in members.items()]
    for (_, axis), units in groups:
        if len(units) == 1:
            reason_of[units[0]] = f"a single channel (axis {axis})"
    groups = sorted(
        (g for g in groups if len(g[1]) > 1), key=lambda g: (producers.get(g[0], len(producers)), min(g[1]))
    )
    number = np.full(int(component.max()) + 1, FIXED, dtype=np.int64)
    ordered = [unit for _, units in groups for unit in units]
    number[ordered] = np.arange(len(ordered))
    return Partition(
        unit_of_label=number[component],
        sizes=tuple(len(units) for _, units in groups),
        leaders=tuple(leader for leader, _ in groups),
        frozen=_frozen(component, axes, reason_of),
    )


def _components(sheet: Sheet) -> NDArray[np.int64]:
    """Connected component of every label; component of label 0 (FIXED) holds nothing else."""
    edges = torch.cat(sheet.edges, dim=1).numpy() if sheet.edges else np.zeros((2, 0), dtype=np.int64)
    graph = coo_matrix((np.ones(edges.shape[1]), (edges[0], edges[1])), shape=(sheet.count, sheet.count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _reasons(sheet: Sheet, component: NDArray[np.int64]) -> dict[int, str]:
    reasons = {int(component[0]): "fixed"}
    for labels, reason in sheet.frozen:
        for unit in np.unique(component[labels.numpy()]):
            reasons.setdefault(int(unit), reason)
    return reasons


def _footprints(
    component: NDArray[np.int64], axes: Mapping[tuple[str, int], Tensor]
) -> dict[int, tuple[tuple[int, int], ...]]:
    """For every unit: the axes it occupies and how many indices of each."""
    touched: dict[int, list[tuple[int, int]]] = {}
    for number, labels in enumerate(axes.values()):
        for unit, count in Counter(component[labels.numpy()].tolist()).items():
            touched.setdefault(unit, []).append((number, count))
    return {unit: tuple(places) for unit, places in touched.items()}


def _leader(
    keys: list[tuple[str, int]], footprint: tuple[tuple[int, int], ...], producers: Mapping[tuple[str, int], int]
) -> tuple[str, int]:
    """The axis that makes the channels first; failing that, the first axis that shrinks with them."""
    places = [keys[number] for number, _ in footprint]
    making = [place for place in places if place in producers]
    return min(making, key=lambda place: producers[place]) if making else places[0]


def _frozen(
    component: NDArray[np.int64], axes: Mapping[tuple[str, int], Tensor], reason_of: Mapping[int, str]
) -> tuple[Frozen, ...]:
    found = []
    for (tensor, axis), labels in axes.items():
        reasons = [reason_of[unit] for unit in component[labels.numpy()].tolist() if unit in reason_of]
        if reasons and reasons[0] != "kernel window":
            found.append(Frozen(tensor, axis, labels.numel(), len(reasons), reasons[0]))
    return tuple(found)
