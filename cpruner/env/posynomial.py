"""The counts of an algebra as posynomials: sums of positive numbers times products of widths.

Their logarithms are convex in the logarithms of the widths (Boyd et al. 2007, section 2).
Axis letters: X axes, Z logarithms of widths and of auxiliary lengths, M monomials.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from cpruner.space import Algebra

Array = NDArray[np.float64]
#: Exponents of the variables of a monomial, as sorted pairs.
Key = tuple[tuple[int, int], ...]


@final
@dataclass(frozen=True, eq=False)
class Posynomial:
    """log of the sum over monomials of e^(exponent_MZ z_Z + log_M).

    Args:
        exponent_MZ: Exponents; sparse.
        log_M: Logarithms of the factors.
    """

    exponent_MZ: csr_array
    log_M: Array

    @classmethod
    def of(cls, terms: dict[Key, float], variables: int) -> "Posynomial":
        """From factors by exponents."""
        kept = {key: factor for key, factor in terms.items() if factor > 0}
        rows = [row for row, key in enumerate(kept) for _ in key]
        entries = [pair for key in kept for pair in key]
        columns, values = [column for column, _ in entries], [float(power) for _, power in entries]
        exponent_MZ = csr_array((values, (rows, columns)), shape=(len(kept), variables))
        return cls(exponent_MZ, np.log(np.array(list(kept.values()), dtype=np.float64)))

    def log(self, z_Z: Array) -> float:
        """The logarithm at one point."""
        return float(np.logaddexp.reduce(self.exponent_MZ @ z_Z + self.log_M))


@final
@dataclass(frozen=True, eq=False)
class Posynomials:
    """The counts, and lengths that are sums themselves as variables of their own.

    At the least values that ``lengths`` allow to the auxiliary variables, the counts are exact; counts rise with them.

    Args:
        groups: Variables 0 .. groups - 1 are the logarithms of the widths.
        lengths: Variable groups + i is at least the logarithm of ``lengths[i]``.
        counts: FLOPs, MACs and parameters.
    """

    groups: int
    lengths: tuple[Posynomial, ...]
    counts: dict[str, Posynomial]

    @classmethod
    def of(cls, algebra: Algebra, groups: int) -> "Posynomials":
        """From the algebra; products of the same widths are added up."""
        number: dict[tuple[int, tuple[tuple[int, tuple[int, ...]], ...]], int] = {}
        sums: list[dict[Key, float]] = []
        monomials: list[tuple[float, Key]] = []  # of every axis, in widths and auxiliary lengths
        for length in algebra.lengths:
            terms: dict[Key, float] = {(): float(length.fixed)} if length.fixed else {}
            for factor, members in length.terms:
                key = _key(members)
                terms[key] = terms.get(key, 0.0) + factor
            if len(terms) > 1:
                name = (length.fixed, length.terms)
                if name not in number:
                    number[name] = groups + len(sums)
                    sums.append(terms)
                monomials.append((1.0, ((number[name], 1),)))
            else:
                monomials.append(next(((factor, key) for key, factor in terms.items()), (0.0, ())))
        variables = groups + len(sums)

        def total(products: Sequence[tuple[float, tuple[int, ...]]], scale: float = 1.0) -> Posynomial:
            added: Counter[Key] = Counter()
            for factor, axes in products:
                parts = [monomials[axis] for axis in axes]
                members = [variable for _, key in parts for variable, power in key for _ in range(power)]
                added[_key(members)] += scale * factor * float(np.prod([part for part, _ in parts]))  # type: ignore[assignment]
            return Posynomial.of(dict(added), variables)

        flops = [(product.scale, product.axes) for product in algebra.flops]
        params = [(product.scale, product.axes) for product in algebra.params]
        counts = {"flops": total(flops), "macs": total(flops, 0.5), "params": total(params)}
        return cls(groups, tuple(Posynomial.of(terms, variables) for terms in sums), counts)

    def logs(self, width_G: Array) -> dict[str, float]:
        """Logarithms of the counts at widths, which need not be whole."""
        z_Z = np.concatenate([np.log(width_G), np.zeros(len(self.lengths))])
        for place, length in enumerate(self.lengths, self.groups):
            z_Z[place] = length.log(z_Z)
        return {name: count.log(z_Z) for name, count in self.counts.items()}


def _key(members: Sequence[int]) -> Key:
    return tuple(sorted(Counter(members).items()))
