"""Rank channels by backward elimination on the dense statistics.

Of the channels still kept, the one goes next whose removal raises the least-squares error of the layers that read the
group least. With P = (A_SS)^-1 and V = P B_S, removing the rows u raises the error by tr(V_u' (P_uu)^-1 V_u), and P
and V are downdated by the Schur complement (block form of the optimal brain surgeon, Hassibi and Stork 1993, eq. 5).
The same sums give the error of every width.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from cpruner.errors import InputError
from cpruner.ranking.evidence import Evidence
from cpruner.ranking.reader import Reader
from cpruner.repair import Layer, Statistics
from cpruner.repair.statistics import inverse
from cpruner.space import Cut, Labels, PruningSpace, Ranking


@dataclass(frozen=True)
class Descent:
    """One group, channel after channel.

    Args:
        order: Channels, the last to go first.
        error_W: Error at every width from 0 to the size, in the unit of the measure; that of width 0 is that of 1.
    """

    order: tuple[int, ...]
    error_W: NDArray[np.float64]


def elimination(evidence: Evidence) -> Ranking:
    """Rank every group; groups that no refittable layer reads keep the space's own order.

    Args:
        evidence: The network, its activation statistics, and ``spec.damping``, the relative ridge of the inverse.

    Raises:
        InputError: There are no statistics.
    """
    space, statistics = evidence.space, evidence.statistics
    if statistics is None:
        remedy = "Gather them with cpruner.repair.gather, or rank by another criterion."
        raise InputError("statistics", expected="activation statistics", got="none", remedy=remedy)
    found = descents(space, statistics, evidence.spec.damping)
    return tuple(before if one is None else one.order for before, one in zip(space.ranking, found, strict=True))


def descents(
    space: PruningSpace, statistics: Statistics, damping: float, measures: Mapping[str, Tensor] | None = None
) -> tuple[Descent | None, ...]:
    """Eliminate every group down to one channel, and add up what that costs; None where no refittable layer reads it.

    Args:
        space: The pruning space.
        statistics: Activation statistics of the dense network.
        damping: Relative ridge of the inverse.
        measures: By weight name, R (O, K): an output error E counts tr(R' E R). None counts relative to the output
            variance, as the order does.
    """
    cuts_G = _reading(space, statistics)
    last_use = {cut.tensor: group for group, cuts in enumerate(cuts_G) for cut in cuts}
    inverses: dict[str, Tensor] = {}
    found: list[Descent | None] = []
    for group, cuts in enumerate(cuts_G):
        readers = []
        for cut in cuts:
            layer = statistics.layers[cut.tensor]
            if cut.tensor not in inverses:
                inverses[cut.tensor] = inverse(layer.dense.A_GDD[0], damping)
            measure = None if measures is None else measures.get(cut.tensor)
            readers.append(_reader(space, layer, group, cut, inverses[cut.tensor], measure))
        found.append(_descend(readers, space.sizes[group]) if readers else None)
        inverses = {tensor: value for tensor, value in inverses.items() if last_use[tensor] > group}
    return tuple(found)


def _descend(readers: list[Reader], size: int) -> Descent:
    gone: list[int] = []
    error_W = np.zeros(size + 1)
    while len(gone) < size - 1:
        rise = torch.stack([reader.increase(size).cpu() for reader in readers]).sum(0)
        rise[gone] = torch.inf
        cheapest = int(rise.argmin())
        width = size - len(gone)
        error_W[width - 1] = error_W[width] + sum(reader.remove(cheapest) for reader in readers)
        gone.append(cheapest)
    error_W[0] = error_W[1]
    last = [unit for unit in range(size) if unit not in set(gone)]
    return Descent(tuple(last + gone[::-1]), error_W)


def _reading(space: PruningSpace, statistics: Statistics) -> list[list[Cut]]:
    """Per group: input axes of refittable layers that shrink with it."""
    reading: list[list[Cut]] = [[] for _ in space.groups]
    for cut in space.plan.cuts:
        layer = statistics.layers.get(cut.tensor)
        if layer is not None and cut.axis == layer.product.axes[1] and layer.product.groups == 1:
            for group in space.plan.groups_of[cut.labels]:
                reading[group].append(cut)
    return reading


def _reader(
    space: PruningSpace, layer: Layer, group: int, cut: Cut, inverse_DD: Tensor, measure: Tensor | None
) -> Reader:
    wanted = range(*space.plan.offsets[group : group + 2].tolist())
    units, rows_UR = _rows_of_units(space.plan.labels[cut.labels], wanted, layer)
    b_DO = layer.dense.B_GDO[0]
    scaled_DO = b_DO / layer.dense.variance_GO.sum().clamp_min(1e-30).sqrt()
    return Reader.of(units, rows_UR, inverse_DD, scaled_DO, None if measure is None else b_DO @ measure.to(b_DO))


def _rows_of_units(labels: Labels, wanted: range, layer: Layer) -> tuple[Tensor, Tensor]:
    """Units of a group that a layer reads, by index inside the group (U,), and their rows along D (U, R).

    All units of a group occupy equally many channels of a layer, so the rows form a rectangle.
    """
    channels: dict[int, list[int]] = {}
    for factor in labels.factors:
        for channel, unit in enumerate(factor):
            if unit in wanted:
                channels.setdefault(unit - wanted.start, []).append(channel)
    rows = [layer.product.taps_of(torch.tensor(where)) for where in channels.values()]
    return torch.tensor(list(channels)), torch.stack(rows)
