"""One layer that reads a group of channels, while they are eliminated one after the other.

Axis letters: U units still there, R rows of one unit, G = U R rows of the group, O outputs.
"""

from typing import final

import torch
from torch import Tensor

#: Downdates of the inverse are collected up to this many rows and then applied as one matrix product.
_PENDING = 256


@final
class Reader:
    """Inverse moments of the rows of a group, downdated as its units go.

    Only the diagonal blocks of the inverse and the solution are kept up to date; the inverse itself is
    ``P - columns @ gains`` until the pending downdates are applied.

    Args:
        units: Index of every unit inside its group, (U,).
        P: Inverse second moments of the rows of the group, unit after unit, (G, G); changed in place.
        V_URO: Least-squares solution on these rows, outputs scaled as they count for the order.
        measured: From this output on (the last ones) they do not count for the order but for the measure; without
            such outputs the order's are the measure's.
    """

    def __init__(self, units: Tensor, P: Tensor, V_URO: Tensor, measured: int | None = None) -> None:
        self.units, self.P, self.V_URO = units, P, V_URO
        self._ordering, self._measuring = slice(measured), slice(measured, None)
        count, size, _ = V_URO.shape
        self.blocks_URR = P.view(count, size, count, size).diagonal(dim1=0, dim2=2).permute(2, 0, 1).clone()
        self.gone = torch.zeros(count, dtype=torch.bool, device=P.device)
        self._begin()

    @classmethod
    def of(
        cls, units: Tensor, rows_UR: Tensor, inverse_DD: Tensor, b_DO: Tensor, measured_DO: Tensor | None = None
    ) -> "Reader":
        """Cut the rows of a group out of the inverse of a whole layer; columns as in the constructor."""
        outputs = None if measured_DO is None else b_DO.shape[1]
        b_DO = b_DO if measured_DO is None else torch.cat([b_DO, measured_DO], 1)
        rows = rows_UR.flatten().to(inverse_DD.device)
        v_URO = (inverse_DD[rows] @ b_DO).view(*rows_UR.shape, -1)
        return cls(units.to(inverse_DD.device), inverse_DD[rows][:, rows], v_URO, outputs)

    def increase(self, size: int) -> Tensor:
        """Rise of the error for removing each of the ``size`` units of the group; 0 for those gone."""
        v_URO = self.V_URO[..., self._ordering]
        rise = (v_URO * torch.linalg.solve(self.blocks_URR, v_URO)).sum(dim=(1, 2))
        return torch.zeros(size, dtype=rise.dtype, device=rise.device).index_add_(0, self.units, rise)

    def remove(self, unit: int) -> float:
        """Downdate blocks and solution, note the downdate of the inverse; returns the rise of the measured error."""
        count, size, _ = self.V_URO.shape
        place = int((self.units == unit).nonzero())
        rows = slice(place * size, (place + 1) * size)
        column = self.P[:, rows] - self.columns[:, : self.used] @ self.gains[: self.used, rows]
        column.view(count, size, size)[self.gone] = 0
        block = self.blocks_URR[place].clone()
        gain = torch.linalg.solve(block, column.T)
        self.columns[:, self.used : self.used + size], self.gains[self.used : self.used + size] = column, gain
        self.used += size
        self.blocks_URR -= column.view(count, size, size) @ gain.view(size, count, size).transpose(0, 1)
        solved_RO = torch.linalg.solve(block, self.V_URO[place])
        rise = float((self.V_URO[place] * solved_RO)[:, self._measuring].sum())
        self.V_URO -= (column @ solved_RO).view_as(self.V_URO)
        self.V_URO[place] = 0
        self.blocks_URR[place] = torch.eye(size, dtype=block.dtype, device=block.device)
        self.gone[place] = True
        if self.used + size > self.columns.shape[1]:
            self._apply()
        return rise

    def _begin(self) -> None:
        size = self.V_URO.shape[1]
        capacity = max(_PENDING // size, 1) * size
        self.columns, self.gains, self.used = (
            self.P.new_zeros(len(self.P), capacity),
            self.P.new_zeros(capacity, len(self.P)),
            0,
        )

    def _apply(self) -> None:
        """Bring the inverse up to date and drop the rows of the units that are gone."""
        kept = ~self.gone
        rows = kept.repeat_interleave(self.V_URO.shape[1]).nonzero()[:, 0]
        self.P.addmm_(self.columns[:, : self.used], self.gains[: self.used], alpha=-1)
        self.P = self.P[rows][:, rows]
        self.units, self.V_URO, self.blocks_URR = self.units[kept], self.V_URO[kept], self.blocks_URR[kept]
        self.gone = self.gone[kept]
        self._begin()
