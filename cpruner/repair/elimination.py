"""Rank channels by backward elimination on the dense statistics.

Of the channels still kept, the one goes next whose removal raises the least-squares error of the layers that read the
group least. With P = (A_SS)^-1 and V = P B_S, removing the rows u raises the error by tr(V_u' (P_uu)^-1 V_u), and P
and V are downdated by the Schur complement (block form of the optimal brain surgeon, Hassibi and Stork 1993, eq. 5).
The same sums give the error of every width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cpruner.repair.layer import expand_taps
from cpruner.repair.moment import damped
from cpruner.repair.statistics import Statistics
from cpruner.space import PruningSpace, Ranking


@dataclass
class _Reader:
    """A layer that reads a group: rows (U, R) of its units, inverse moments, solution, output variance."""

    units: Tensor
    rows_UR: Tensor
    P: Tensor
    V: Tensor
    variance: float

    def increase(self, size: int) -> Tensor:
        """Relative rise of the error for removing each of ``size`` units; 0 for units this layer does not read."""
        blocks = self.P[self.rows_UR[:, :, None], self.rows_UR[:, None, :]]
        v_URO = self.V[self.rows_UR]
        rise = (v_URO * torch.linalg.solve(blocks, v_URO)).sum(dim=(1, 2)) / self.variance
        return torch.zeros(size, dtype=rise.dtype, device=rise.device).index_add_(0, self.units, rise)

    def remove(self, unit: int) -> None:
        """Downdate inverse and solution."""
        gone = self.units == unit
        for u in self.rows_UR[gone]:
            gain = torch.linalg.solve(self.P[u][:, u], torch.cat([self.P[u], self.V[u]], dim=1))
            column = self.P[:, u]
            self.V = self.V - column @ gain[:, len(self.P) :]
            self.P = self.P - column @ gain[:, : len(self.P)]
        self.units, self.rows_UR = self.units[~gone], self.rows_UR[~gone]


def elimination(model: nn.Module, space: PruningSpace, statistics: Statistics, damping: float) -> Ranking:
    """Rank every group; groups that no refittable layer reads keep the space's own order.

    Args:
        model: The dense network.
        space: Its pruning space.
        statistics: Its activation statistics.
        damping: Relative ridge of the inverse.
    """
    inverses: dict[str, tuple[Tensor, Tensor, float]] = {}
    ranking = []
    for group in range(len(space.groups)):
        readers = _readers(model, space, statistics, group, damping, inverses)
        ranking.append(_eliminate(readers, space.sizes[group]) if readers else space.ranking[group])
    return tuple(ranking)


def _eliminate(readers: list[_Reader], size: int) -> tuple[int, ...]:
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


def _readers(
    model: nn.Module,
    space: PruningSpace,
    statistics: Statistics,
    group: int,
    damping: float,
    inverses: dict[str, tuple[Tensor, Tensor, float]],
) -> list[_Reader]:
    low, high = int(space.plan.offsets[group]), int(space.plan.offsets[group + 1])
    readers = []
    for cut in space.plan.cuts:
        path = cut.tensor.removesuffix(".weight")
        if cut.axis != 1 or path not in statistics.layers or not any(low <= unit < high for unit in cut.units):
            continue
        if path not in inverses:
            inverses[path] = _inverse(statistics, path, damping)
        units, rows_UR = _rows_of_units(cut.units, range(low, high), model.get_submodule(path))
        device = inverses[path][0].device
        readers.append(_Reader(units.to(device), rows_UR.to(device), *inverses[path]))
    return readers


def _inverse(statistics: Statistics, path: str, damping: float) -> tuple[Tensor, Tensor, float]:
    dense = statistics.layers[path].dense
    inverse = torch.linalg.inv(damped(dense.A_DD, damping))
    variance = float(statistics.layers[path].output_MO.var(0, correction=0).sum())
    return inverse, inverse @ dense.B_DO, max(variance, 1e-30)


def _rows_of_units(units: tuple[int, ...], wanted: range, module: nn.Module) -> tuple[Tensor, Tensor]:
    """Units of a group that a layer reads, by index inside the group (U,), and their rows along D (U, R).

    All units of a group occupy equally many channels of a layer, so the rows form a rectangle.
    """
    channels: dict[int, list[int]] = {}
    for channel, unit in enumerate(units):
        if unit in wanted:
            channels.setdefault(unit - wanted.start, []).append(channel)
    rows = [expand_taps(torch.tensor(where), module) for where in channels.values()]
    return torch.tensor(list(channels)), torch.stack(rows)
