"""Exact parameters and FLOPs of any choice of widths, without building the network.

Every shrinking axis has length ``fixed + sum_g multiplicity[g] * width[g]`` because all units of a group touch the
same axes equally often. Axis letters: N candidates, G groups, X axes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cpruner.space.plan import FIXED, Plan


@dataclass(frozen=True)
class Counts:
    """FLOPs (2 per multiply-add) and multiply-adds for the example input, and parameters."""

    flops: float
    macs: float
    params: float


@dataclass(frozen=True)
class Product:
    """``scale`` times the lengths of some axes; a negative entry of ``axes`` does not occur."""

    scale: float
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Algebra:
    """Counts as polynomials in the widths.

    Args:
        fixed_X: Indices along every axis that always stay.
        multiplicity_XG: How many indices one unit of group g occupies along axis x.
        flops: Terms summed to FLOPs.
        params: Terms summed to parameters.
    """

    fixed_X: NDArray[np.int64]
    multiplicity_XG: NDArray[np.int64]
    flops: tuple[Product, ...]
    params: tuple[Product, ...]

    def count(self, width_NG: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Counts of N choices of widths at once: ``flops``, ``macs`` and ``params``, each of shape (N,)."""
        length_NX = self.fixed_X + width_NG @ self.multiplicity_XG.T
        flops_N = self._sum(self.flops, length_NX)
        return {"flops": flops_N, "macs": flops_N / 2, "params": self._sum(self.params, length_NX)}

    def counts(self, widths: Sequence[int]) -> Counts:
        """Counts of one choice of widths."""
        result = self.count(np.asarray([widths], dtype=np.int64))
        return Counts(**{name: float(value[0]) for name, value in result.items()})

    @staticmethod
    def _sum(terms: Sequence[Product], length_NX: NDArray[np.int64]) -> NDArray[np.float64]:
        total_N = np.zeros(len(length_NX))
        for term in terms:
            total_N += term.scale * length_NX[:, list(term.axes)].astype(np.float64).prod(axis=1)
        return total_N


def axis_lengths(plan: Plan, axes: Sequence[tuple[int, ...]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """``fixed_X`` and ``multiplicity_XG`` of axes given by their units."""
    offsets, sizes = plan.offsets, np.asarray(plan.sizes, dtype=np.int64)
    group_U = np.repeat(np.arange(len(sizes)), sizes)
    fixed, multiplicity = [], np.zeros((len(axes), len(sizes)), dtype=np.int64)
    for x, units in enumerate(axes):
        array = np.asarray(units, dtype=np.int64)
        fixed.append(int((array == FIXED).sum()))
        occupied = np.bincount(group_U[array[array != FIXED]], minlength=len(sizes)) if int(offsets[-1]) else 0
        multiplicity[x] = occupied // np.maximum(sizes, 1)
    return np.asarray(fixed, dtype=np.int64), multiplicity
