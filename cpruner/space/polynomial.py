"""Sums of products of the same values, many of them evaluated at once.

Axis letters: N choices of values, V values, P distinct products, D factors of a product, S sums.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: A factor, and the values whose product it is multiplied with.
Term = tuple[float, tuple[int, ...]]


@final
@dataclass(frozen=True, eq=False)
class Polynomials:
    """S polynomials in V values. Products that occur in several terms or sums are formed once.

    Args:
        factor_PD: The values in every product; -1 stands for 1, so that all products have as many factors.
        scale_PS: How often every product is in every sum.
    """

    factor_PD: NDArray[np.intp]
    scale_PS: Array

    @classmethod
    def of(cls, sums: Sequence[Iterable[Term]]) -> "Polynomials":
        """From the terms of every sum; a term without values is a constant."""
        row: dict[tuple[int, ...], int] = {}
        entries = []
        for column, terms in enumerate(sums):
            for scale, factors in terms:
                entries.append((row.setdefault(tuple(sorted(factors)), len(row)), column, scale))
        most = max(map(len, row), default=0)
        padded = [[*factors, *[-1] * (most - len(factors))] for factors in row]
        scale_PS = np.zeros((len(row), len(sums)))
        for product, column, scale in entries:
            scale_PS[product, column] += scale
        return cls(np.array(padded, dtype=np.intp).reshape(len(row), most), scale_PS)

    def at(self, value_NV: Array) -> Array:
        """All sums at N choices of values, shape (N, S); exact for whole values and scales, and sums below 2^53."""
        value_NV = np.concatenate([value_NV, np.ones((len(value_NV), 1))], axis=1)
        product_NP = np.ones((len(value_NV), len(self.factor_PD)))
        for factor_P in self.factor_PD.T:
            product_NP *= value_NV[:, factor_P]
        return np.asarray(product_NP @ self.scale_PS)
