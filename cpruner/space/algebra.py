"""Exact parameters and FLOPs of any choice of widths, without building the network.

Every shrinking axis has a length that is a polynomial in the widths: a constant, plus for every group (or pair of
groups that share its indices, such as heads and dimensions inside a head) a factor times the product of their widths.
Axis letters: N candidates, G groups, X axes.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cpruner.candidate import FIXED, Labels, Plan
from cpruner.space.polynomial import Polynomials


@dataclass(frozen=True)
class Counts:
    """FLOPs (2 per multiply-add) and multiply-adds for the example input, and parameters."""

    flops: float
    macs: float
    params: float


@dataclass(frozen=True)
class Product:
    """``scale`` times the lengths of some axes."""

    scale: float
    axes: tuple[int, ...]


@dataclass(frozen=True)
class Length:
    """``fixed`` plus, for every entry of ``terms``, a factor times the widths of some groups."""

    fixed: int
    terms: tuple[tuple[int, tuple[int, ...]], ...]

    def without(self, sizes: Mapping[int, int], number: Mapping[int, int]) -> "Length":
        """The same with some groups at their full size and the others renumbered."""
        fixed, terms = self.fixed, list[tuple[int, tuple[int, ...]]]()
        for factor, groups in self.terms:
            scale = factor * int(np.prod([sizes[group] for group in groups if group in sizes]))
            left = tuple(number[group] for group in groups if group not in sizes)
            fixed, terms = (fixed, [*terms, (scale, left)]) if left else (fixed + scale, terms)
        return replace(self, fixed=fixed, terms=tuple(terms))


@dataclass(frozen=True)
class Algebra:
    """Counts as polynomials in the widths.

    Args:
        lengths: Length of every axis X.
        flops: Terms summed to FLOPs.
        params: Terms summed to parameters.
    """

    lengths: tuple[Length, ...]
    flops: tuple[Product, ...]
    params: tuple[Product, ...]

    def count(self, width_NG: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        """Counts of N choices of widths at once: ``flops``, ``macs`` and ``params``, each of shape (N,)."""
        flops_N, params_N = self._sums.at(self.lengths_of(width_NG)).T
        return {"flops": flops_N, "macs": flops_N / 2, "params": params_N}

    def lengths_of(self, width_NG: NDArray[np.int64]) -> NDArray[np.float64]:
        """Length of every axis at N choices of widths, shape (N, X)."""
        return self._lengths.at(np.asarray(width_NG, dtype=np.float64))

    def counts(self, widths: Sequence[int]) -> Counts:
        """Counts of one choice of widths."""
        result = self.count(np.asarray([widths], dtype=np.int64))
        return Counts(**{name: float(value[0]) for name, value in result.items()})

    @cached_property
    def _lengths(self) -> Polynomials:
        return Polynomials.of([[(length.fixed, ()), *length.terms] for length in self.lengths])

    @cached_property
    def _sums(self) -> Polynomials:
        terms = [[(product.scale, product.axes) for product in sums] for sums in (self.flops, self.params)]
        return Polynomials.of(terms)


def axis_length(plan: Plan, labels: Labels) -> Length:
    """The polynomial of one axis; groups that share its indices form full blocks there (see ``partition``)."""
    group_FN = np.searchsorted(plan.offsets, labels.units_FN, side="right") - 1
    group_FN[labels.units_FN == FIXED] = -1
    kinds = Counter(tuple(sorted(group for group in column if group >= 0)) for column in group_FN.T.tolist())
    fixed = kinds.pop((), 0)
    terms = [(count // int(np.prod([plan.sizes[g] for g in kind])), kind) for kind, count in kinds.items()]
    return Length(fixed, tuple(terms))
