"""The widths with the least predicted loss within counted budgets.

Counts are products of neighbouring widths, so this knapsack does not separate: channels are taken away where a unit of
cost costs the least predicted loss; then widths are exchanged between pairs of groups, and all widths of a few groups
at once are tried (a large neighbourhood search, Shaw 1998), as long as that helps. Small spaces are tried whole.
"""

from collections.abc import Sequence

import numpy as np

from cpruner.surrogate.exchange import combinations, everything, exchanges
from cpruner.surrogate.problem import Problem, fits
from cpruner.surrogate.surrogate import Surrogate, Widths

#: Tables in a row that bring nothing before the search ends.
_PATIENCE = 100


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
        near: Centre of a trust region; the legal widths next below it always belong to it.
        radius: Largest change of the logarithm of a keep ratio from there.

    Returns:
        Legal widths that meet every budget, the same every time.

    Raises:
        InputError: There is no limit, or one on something that is not counted, or one that is not above 0.
        InfeasibleError: The narrowest network within the region exceeds a budget; names it and the count.
    """
    problem = Problem.of(made, limits, near, radius)
    return tuple(int(width) for width in _improved(problem, _descended(problem)))


def _descended(problem: Problem) -> Widths:
    """From the widest on, the step with the least rise of loss per cost, until every budget is met."""
    legal = problem.legal
    groups = np.arange(len(legal))
    place_G, width_G = np.array([len(widths) - 1 for widths in legal]), problem.widest
    step_G = np.array([max(1, len(widths) // 32) for widths in legal])
    while True:
        if fits(problem.made, width_G[None], problem.limits)[0]:
            return width_G
        share_K = problem.shares(width_G[None])[0]
        lower_G = np.maximum(place_G - step_G, 0)
        next_G = np.array([widths[place] for widths, place in zip(legal, lower_G, strict=True)])
        trial_GG = np.where(np.eye(len(legal), dtype=bool), next_G, width_G)
        saved_G = (share_K - problem.shares(trial_GG)) @ (np.maximum(share_K - 1, 0) + 1e-12)
        rise_G = problem.table_GW[groups, next_G] - problem.table_GW[groups, width_G]
        price_G = np.where(saved_G > 0, np.maximum(rise_G, 0) / np.maximum(saved_G, 1e-30), np.inf)
        chosen = int(price_G.argmin())
        if not np.isfinite(price_G[chosen]):  # no single step saves anything: the narrowest meet every budget
            return problem.narrowest
        place_G[chosen], width_G[chosen] = lower_G[chosen], next_G[chosen]


def _improved(problem: Problem, width_G: Widths) -> Widths:
    """The end of all exchanges, then of random tables, and of exchanges again wherever a table helped."""
    if (whole := everything(problem)) is not None:
        found = problem.better(width_G, whole)
        return width_G if found is None else found
    generator = np.random.default_rng(0)
    idle = 0
    while True:
        while (found := problem.better(width_G, exchanges(problem, width_G))) is not None:
            width_G = found
        while (found := problem.better(width_G, combinations(problem, width_G, generator))) is None:
            idle += 1
            if idle == _PATIENCE:
                return width_G
        width_G, idle = found, 0
