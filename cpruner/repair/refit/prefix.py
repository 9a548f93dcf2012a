"""Normal equations of a layer, solved for every prefix of an order of its inputs.

With A = L L' along the order and V the inverse of L', the solution on the first n rows is the sum over k < n of column
k of V times row k of h = V' B: more rows only add terms. The sum is kept at a few widths, so a prefix costs the terms
between itself and the nearest of them: at most |S| D O / (2 PARTS) multiply-adds, half of it on average.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import final

import torch
from torch import Tensor

PARTS = 8


@final
@dataclass(frozen=True)
class Prefix:
    """What is made once of a layer.

    Args:
        place_D: Place of every input row in the order.
        inverse_DD: V, the inverse of the transposed Cholesky factor of the damped moments in that order.
        half_DO: V' times the right-hand side.
        solved: Weights (n, O) on the first n rows, for ``PARTS + 1`` widths n from 0 to D.
    """

    place_D: Tensor
    inverse_DD: Tensor
    half_DO: Tensor
    solved: tuple[Tensor, ...]

    @staticmethod
    def of(rows_D: Tensor, lower_DD: Tensor, right_DO: Tensor, precision: torch.dtype) -> "Prefix":
        """From the factor and the right-hand side, both along the order.

        Args:
            rows_D: Input rows in their order.
            lower_DD: Lower Cholesky factor of the damped moments.
            right_DO: Right-hand side.
            precision: In which the result is kept; it is computed in that of the arguments.
        """
        count = len(rows_D)
        inverse_DD, total_DO = torch.zeros_like(lower_DD), torch.zeros_like(right_DO)
        half_DO = torch.empty_like(right_DO)
        widths = [count * part // PARTS for part in range(PARTS + 1)]
        solved = [total_DO[:0].to(precision)]
        for start, end in pairwise(widths):
            eye = torch.eye(end - start, dtype=lower_DD.dtype, device=lower_DD.device)
            corner = torch.linalg.solve_triangular(lower_DD[start:end, start:end].T, eye, upper=True)
            inverse_DD[start:end, start:end] = corner
            inverse_DD[:start, start:end] = -inverse_DD[:start, :start] @ (lower_DD[start:end, :start].T @ corner)
            columns = inverse_DD[:end, start:end]
            half_DO[start:end] = columns.T @ right_DO[:end]
            total_DO[:end] += columns @ half_DO[start:end]
            solved.append(total_DO[:end].to(precision, copy=True))
        place_D = torch.empty_like(rows_D)
        place_D[rows_D] = torch.arange(count, device=rows_D.device)
        return Prefix(place_D, inverse_DD.to(precision), half_DO.to(precision), tuple(solved))

    def solve(self, rows: Tensor, outputs: Tensor) -> Tensor | None:
        """Weights (|S|, O) on the kept rows in the network's order; None where they are no prefix."""
        place_S = self.place_D[rows]
        count = len(rows)
        if int(place_S.max()) >= count:
            return None
        near = min(self.solved, key=lambda weight_SO: abs(len(weight_SO) - count))
        start, end = sorted((len(near), count))
        terms_KO = self.half_DO[start:end]
        if len(outputs) < self.half_DO.shape[1]:
            near, terms_KO = near[:, outputs], terms_KO[:, outputs]
        columns_SK = self.inverse_DD[:count, start:end]
        if len(near) > count:
            return torch.addmm(near[:count], columns_SK, terms_KO, alpha=-1)[place_S]
        weight_SO = columns_SK @ terms_KO
        weight_SO[: len(near)] += near
        return weight_SO[place_S]
