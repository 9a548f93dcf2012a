"""The widths with the least predicted loss within counted budgets.

Counts are products of neighbouring widths, so this knapsack does not separate: channels are taken away where a unit of
cost costs the least predicted loss, then widths are exchanged between pairs of groups as long as that helps.
"""

from collections.abc import Sequence

import numpy as np

from cpruner.errors import InfeasibleError
from cpruner.surrogate.surrogate import Array, Surrogate, Widths

#: Steps of the exchange, as shares of a group.
_STEPS = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4)


def knapsack(
    made: Surrogate,
    limits: Sequence[tuple[str, float]],
    *,
    near: Sequence[int] | None = None,
    radius: float = np.inf,
) -> tuple[int, ...]:
    """Choose widths.

    Args:
        made: The surrogate.
        limits: ``(field of Counts, absolute limit)`` of every budget.
        near: Centre of a trust region.
        radius: Largest change of the logarithm of a keep ratio from there.

    Raises:
        InfeasibleError: The narrowest network within the region exceeds a budget; names it and the count.
    """
    legal = _legal(made, near, radius)
    costs = _Costs(made, limits)
    low_G = np.array([widths[0] for widths in legal])
    for (name, limit), share in zip(limits, costs(low_G[None])[0], strict=True):
        if share > 1:
            raise InfeasibleError(name, limit=limit, smallest=share * limit, unit="", remedy="Raise this limit.")
    width_G = _descended(made.table_GW, legal, costs)
    return tuple(int(width) for width in _exchanged(made.table_GW, legal, costs, width_G))


class _Costs:
    """Counts over limits, (N, K)."""

    def __init__(self, made: Surrogate, limits: Sequence[tuple[str, float]]) -> None:
        self._made, self._limits = made, limits

    def __call__(self, width_NG: Widths) -> Array:
        counts = self._made.count(width_NG)
        return np.stack([counts[name] / limit for name, limit in self._limits], axis=1)


def _legal(made: Surrogate, near: Sequence[int] | None, radius: float) -> list[Widths]:
    """Widths that each group may have, rising."""
    found = []
    for group, (size, part) in enumerate(zip(made.space.sizes, made.space.groups, strict=True)):
        ratios = np.arange(size + 1) / size
        widths = np.unique([made.space.rounding.width(size, float(ratio), part.step) for ratio in ratios])
        if near is not None:
            inside = np.abs(np.log(widths / near[group])) <= radius
            widths = widths[inside] if inside.any() else np.array([near[group]])
        found.append(widths.astype(np.int64))
    return found


def _descended(table_GW: Array, legal: Sequence[Widths], costs: _Costs) -> Widths:
    """From the widest on, the step with the least rise of loss per cost, until every budget is met."""
    groups = np.arange(len(legal))
    place_G = np.array([len(widths) - 1 for widths in legal])
    width_G = np.array([widths[-1] for widths in legal])
    while True:
        cost_K = costs(width_G[None])[0]
        if (cost_K <= 1).all():
            return width_G
        step_G = np.array([max(1, len(widths) // 32) for widths in legal])
        lower_G = np.maximum(place_G - step_G, 0)
        next_G = np.array([widths[place] for widths, place in zip(legal, lower_G, strict=True)])
        trial_GG = np.where(np.eye(len(legal), dtype=bool), next_G, width_G)
        over_K = np.maximum(cost_K - 1, 0)
        saved_G = (cost_K - costs(trial_GG)) @ over_K
        rise_G = table_GW[groups, next_G] - table_GW[groups, width_G]
        price_G = np.where(saved_G > 0, np.maximum(rise_G, 0) / np.maximum(saved_G, 1e-30), np.inf)
        chosen = int(price_G.argmin())
        if not np.isfinite(price_G[chosen]):  # what is left saves nothing on these budgets: the narrowest are legal
            return np.array([widths[0] for widths in legal])
        place_G[chosen], width_G[chosen] = lower_G[chosen], next_G[chosen]


def _exchanged(table_GW: Array, legal: Sequence[Widths], costs: _Costs, width_G: Widths) -> Widths:
    """Best exchange between two groups, again and again; growing one alone is one of them."""
    groups = np.arange(len(legal))
    while True:
        trial_NG = _exchanges(legal, width_G)
        value_N = table_GW[groups, trial_NG].sum(axis=1)
        now = table_GW[groups, width_G].sum()
        better = value_N < now - 1e-12
        trial_NG, value_N = trial_NG[better], value_N[better]
        order = np.argsort(value_N, kind="stable")
        for part in np.array_split(order, max(1, len(order) // 256)):
            fits = (costs(trial_NG[part]) <= 1).all(axis=1) if len(part) else np.zeros(0, dtype=bool)
            if fits.any():
                width_G = trial_NG[part[int(np.flatnonzero(fits)[0])]]
                break
        else:
            return width_G


def _exchanges(legal: Sequence[Widths], width_G: Widths) -> Widths:
    """All candidates with one group wider and at most one other narrower."""
    wider, narrower = [], []
    for group, widths in enumerate(legal):
        place = int(np.searchsorted(widths, width_G[group]))
        steps = sorted({max(1, round(share * len(widths))) for share in _STEPS})
        wider += [(group, widths[place + step]) for step in steps if place + step < len(widths)]
        narrower += [(group, widths[place - step]) for step in steps if place >= step]
    trials = []
    for group, wide in wider:
        alone = width_G.copy()
        alone[group] = wide
        trials.append(alone)
        for other, narrow in narrower:
            if other != group:
                both = alone.copy()
                both[other] = narrow
                trials.append(both)
    return np.array(trials) if trials else np.zeros((0, len(width_G)), dtype=np.int64)
