"""The widths with the least predicted loss within counted budgets.

Counts are products of neighbouring widths, so this knapsack does not separate: channels are taken away where a unit of
cost costs the least predicted loss; then widths are exchanged between pairs of groups, and all widths of a few groups
at once are tried (a large neighbourhood search, Shaw 1998), as long as that helps. Small spaces are tried whole.
"""

from collections.abc import Sequence

import numpy as np

from cpruner.surrogate.exchange import combinations, everything, exchanges
from cpruner.surrogate.greedy import greedy
from cpruner.surrogate.problem import Problem
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
    return tuple(int(width) for width in _improved(problem, greedy(problem)))


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
