"""Rank channels by backward elimination on the dense statistics.

Of the channels still kept, the one goes next whose removal raises the least-squares error of the layers that read the
group least. With P = (A_SS)^-1 and V = P B_S, removing the rows u raises the error by tr(V_u' (P_uu)^-1 V_u), and P
and V are downdated by the Schur complement (block form of the optimal brain surgeon, Hassibi and Stork 1993, eq. 5).
The same sums give the error of every width.
"""

import torch
from torch import nn

from cpruner.errors import InputError
from cpruner.ranking.evidence import Evidence
from cpruner.ranking.reader import Reader
from cpruner.repair import Statistics
from cpruner.repair.layer import expand_taps
from cpruner.repair.moment import inverse
from cpruner.space import Cut, Labels, PruningSpace, Ranking


def elimination(evidence: Evidence) -> Ranking:
    """Rank every group; groups that no refittable layer reads keep the space's own order.

    Args:
        evidence: The network, its activation statistics, and ``spec.damping``, the relative ridge of the inverse.

    Raises:
        InputError: There are no statistics.
    """
    model, space, statistics, damping = evidence.model, evidence.space, evidence.statistics, evidence.spec.damping
    if statistics is None:
        remedy = "Gather them with cpruner.repair.gather, or rank by another criterion."
        raise InputError("statistics", expected="activation statistics", got="none", remedy=remedy)
    cuts_G = _reading(space, statistics)
    last_use = {cut.tensor: group for group, cuts in enumerate(cuts_G) for cut in cuts}
    inverses: dict[str, torch.Tensor] = {}
    ranking = []
    for group, cuts in enumerate(cuts_G):
        readers = [_reader(model, space, statistics, group, cut, inverses, damping) for cut in cuts]
        ranking.append(_eliminate(readers, space.sizes[group]) if readers else space.ranking[group])
        inverses = {tensor: value for tensor, value in inverses.items() if last_use[tensor] > group}
    return tuple(ranking)


def _eliminate(readers: list[Reader], size: int) -> tuple[int, ...]:
    gone: list[int] = []
    while len(gone) < size - 1:
        rise = torch.stack([reader.increase(size).cpu() for reader in readers]).sum(0)
        rise[gone] = torch.inf
        cheapest = int(rise.argmin())
        for reader in readers:
            reader.remove(cheapest)
        gone.append(cheapest)
    last = [unit for unit in range(size) if unit not in set(gone)]
    return tuple(last + gone[::-1])


def _reading(space: PruningSpace, statistics: Statistics) -> list[list[Cut]]:
    """Per group: input axes of refittable layers that shrink with it."""
    reading: list[list[Cut]] = [[] for _ in space.groups]
    for cut in space.plan.cuts:
        if cut.axis == 1 and cut.tensor.removesuffix(".weight") in statistics.layers:
            for group in space.plan.groups_of[cut.labels]:
                reading[group].append(cut)
    return reading


def _reader(
    model: nn.Module,
    space: PruningSpace,
    statistics: Statistics,
    group: int,
    cut: Cut,
    inverses: dict[str, torch.Tensor],
    damping: float,
) -> Reader:
    path = cut.tensor.removesuffix(".weight")
    layer = statistics.layers[path]
    if cut.tensor not in inverses:
        inverses[cut.tensor] = inverse(layer.dense.A_DD, damping)
    wanted = range(*space.plan.offsets[group : group + 2].tolist())
    units, rows_UR = _rows_of_units(space.plan.labels[cut.labels], wanted, model.get_submodule(path))
    variance = float(layer.output_MO.double().var(0, correction=0).sum())
    return Reader.of(units, rows_UR, inverses[cut.tensor], layer.dense.B_DO, max(variance, 1e-30))


def _rows_of_units(labels: Labels, wanted: range, module: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Units of a group that a layer reads, by index inside the group (U,), and their rows along D (U, R).

    All units of a group occupy equally many channels of a layer, so the rows form a rectangle.
    """
    channels: dict[int, list[int]] = {}
    for factor in labels.factors:
        for channel, unit in enumerate(factor):
            if unit in wanted:
                channels.setdefault(unit - wanted.start, []).append(channel)
    rows = [expand_taps(torch.tensor(where), module) for where in channels.values()]
    return torch.tensor(list(channels)), torch.stack(rows)
