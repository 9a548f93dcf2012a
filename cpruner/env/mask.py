"""Candidates of which the agent chose the units, not only their number."""

from collections.abc import Sequence

from cpruner.space import Candidate, PruningSpace

#: Of every group decided so far, its units from the one that stays longest.
Orders = Sequence[tuple[int, ...]]


def candidate(space: PruningSpace, ratios: Sequence[float], orders: Orders = ()) -> Candidate:
    """The candidate with one keep ratio per group, the first units of every order kept.

    Args:
        space: The pruning space.
        ratios: One keep ratio in [0, 1] per group.
        orders: Of the first groups; the others keep the units that the space ranks best. Empty orders do so, too.
    """
    rankings = [order or best for order, best in zip(orders, space.ranking, strict=False)]
    return space.ranked((*rankings, *space.ranking[len(rankings) :])).at(ratios)
