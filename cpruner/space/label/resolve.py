"""From a finished sheet to units: which labels are one, which follow from others, which must stay and why.

Labels connected by an edge form one component. A component that is defined by factors (head and dimension) is no unit
of its own: it stays exactly when its factors stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from cpruner.candidate import FIXED
from cpruner.space.label.sheet import Sheet

Array = NDArray[np.int64]


@dataclass(frozen=True)
class Resolution:
    """Components of labels and what they stand for.

    Args:
        component: Component of every label.
        factors: Components that a defined component follows from.
        reasons: Components that must stay.
    """

    component: Array
    factors: dict[int, tuple[int, ...]]
    reasons: dict[int, str]

    @cached_property
    def _known(self) -> dict[int, tuple[int, ...]]:
        return {}

    def units(self, component: int) -> tuple[int, ...]:
        """Components that can be removed and of which this one needs all; none for what always stays."""
        if component not in self._known:
            if component in self.reasons:
                found: tuple[int, ...] = ()
            elif component in self.factors:
                found = tuple(sorted({unit for factor in self.factors[component] for unit in self.units(factor)}))
            else:
                found = (component,)
            self._known[component] = found
        return self._known[component]

    @cached_property
    def table_CF(self) -> Array:
        """``units`` of every component, padded with FIXED to the number of the busiest."""
        count = int(self.component.max()) + 1
        several = {own: self.units(own) for own in self.factors}
        table = np.full((count, max((len(units) for units in several.values()), default=1) or 1), FIXED, dtype=np.int64)
        table[:, 0] = np.arange(count)
        table[list(self.reasons), 0] = FIXED
        for own, units in several.items():
            table[own] = (*units, *(FIXED,) * (table.shape[1] - len(units)))
        return table

    def of(self, labels: Tensor) -> set[int]:
        """Units that some labels need."""
        units = np.unique(self.table_CF[np.unique(self.component[labels.flatten().numpy()])])
        return set(units[units != FIXED].tolist())

    def freeze(self, units: Mapping[int, str]) -> "Resolution":
        """The same with more units that must stay, for the given reasons."""
        return replace(self, reasons={**units, **self.reasons})

    def reason(self, component: int) -> str | None:
        """Why a component can never be removed."""
        if component in self.reasons:
            return self.reasons[component]
        if component in self.factors and not self.units(component):
            return next((reason for f in self.factors[component] if (reason := self.reason(f))), None)
        return None


def resolve(sheet: Sheet) -> Resolution:
    """Components, definitions and reasons of a finished trace."""
    edges = [edge.numpy() for edge in sheet.edges]
    definitions = [
        np.concatenate([labels.numpy()[:, None], *(factor.numpy()[:, None] for factor in factors)], axis=1)
        for labels, factors in sheet.definitions
    ]
    while True:
        component = _components(edges, sheet.count)
        tables = _tables(component, definitions)
        more = np.concatenate([*map(_conflicts, tables), _mixed(tables), _cycles(tables, component)])
        if not len(more):
            break
        first = np.zeros(int(component.max()) + 1, dtype=np.int64)
        first[component] = np.arange(len(component))
        edges.append(first[more.T])
    fixed = int(component[0])
    factors: dict[int, tuple[int, ...]] = {}
    for own, *parts in (row for table in tables for row in table.tolist() if row[0] != fixed):
        others = tuple(part for part in parts if part != own)
        if others:
            factors[own] = others
    reasons = _reasons(sheet, component)
    for table in tables:
        for part in np.unique(table[table[:, 0] == fixed, 1:]).tolist():
            reasons.setdefault(part, "fixed")
    return Resolution(component, factors, _spread(reasons, factors))


def _components(edges: list[Array], count: int) -> Array:
    both = np.concatenate(edges, axis=1) if edges else np.zeros((2, 0), dtype=np.int64)
    graph = coo_matrix((np.ones(both.shape[1]), (both[0], both[1])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _tables(component: Array, definitions: list[Array]) -> list[Array]:
    """Definitions in terms of components, one table per number of factors: rows of (own, factor, factor, ...)."""
    by_width: dict[int, list[Array]] = {}
    for rows in definitions:
        by_width.setdefault(rows.shape[1], []).append(component[rows])
    return [np.unique(np.concatenate(rows), axis=0) for rows in by_width.values()]


def _conflicts(table: Array) -> Array:
    """Where a component is defined twice, the factors that have to become one; what is fixed defines nothing."""
    _, first, place = np.unique(table[:, 0], return_index=True, return_inverse=True)
    known = table[first][place]
    differ = (table != known) & (table[:, :1] != table[0, 0] if table[0, 0] == 0 else np.True_)
    return np.stack([known[differ], table[differ]], axis=1)


def _mixed(tables: list[Array]) -> Array:
    """Components that are defined with different numbers of factors: all of those become one."""
    found = []
    for number, table in enumerate(tables):
        for other in tables[number + 1 :]:
            for own in np.intersect1d(table[:, 0], other[:, 0]).tolist():
                if own:
                    parts = [*table[table[:, 0] == own][0, 1:], *other[other[:, 0] == own][0, 1:]]
                    found += [(parts[0], part) for part in parts if part != parts[0]]
    return np.asarray(found, dtype=np.int64).reshape(-1, 2)


def _cycles(tables: list[Array], component: Array) -> Array:
    """Components that follow from themselves, together with all they follow from: they become one."""
    arrows = [table[:, [0, place]] for table in tables for place in range(1, table.shape[1])]
    pairs = np.concatenate(arrows) if arrows else np.zeros((0, 2), dtype=np.int64)
    pairs = pairs[(pairs != component[0]).all(1)]
    count = int(component.max()) + 1
    graph = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    strong = connected_components(graph, directed=True, connection="strong")[1]
    turning = np.unique(pairs[strong[pairs[:, 0]] == strong[pairs[:, 1]], 0])
    caught = pairs[np.isin(pairs[:, 0], turning)]
    found: Array = caught[caught[:, 0] != caught[:, 1]]
    return found


def _reasons(sheet: Sheet, component: Array) -> dict[int, str]:
    reasons = {int(component[0]): "fixed"}
    for labels, reason in sheet.frozen:
        for own in np.unique(component[labels.numpy()]):
            reasons.setdefault(int(own), reason)
    return reasons


def _spread(reasons: dict[int, str], factors: dict[int, tuple[int, ...]]) -> dict[int, str]:
    """What a component that must stay follows from must stay as well."""
    todo = list(reasons)
    while todo:
        own = todo.pop()
        for part in factors.get(own, ()):
            if part not in reasons:
                reasons[part] = reasons[own]
                todo.append(part)
    return reasons
