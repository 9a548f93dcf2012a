"""A first choice of widths: channels go where that costs the least predicted loss per unit of cost."""

import numpy as np

from cpruner.surrogate.problem import Problem, fits
from cpruner.surrogate.surrogate import Widths

#: Steps from the widest to the narrowest, at least one channel each.
_STEPS = 32


def greedy(problem: Problem) -> Widths:
    """From the widest on, the step with the least rise of loss per cost, until every budget is met.

    The cost of a step is what it saves of the budgets that are still exceeded, each as much as it is exceeded.
    """
    legal = problem.legal
    groups = np.arange(len(legal))
    place_G, width_G = np.array([len(widths) - 1 for widths in legal]), problem.widest
    step_G = np.array([max(1, len(widths) // _STEPS) for widths in legal])
    while True:
        if fits(problem.made, width_G[None], problem.limits)[0]:
            return width_G
        share_K = problem.shares(width_G[None])[0]
        lower_G = np.maximum(place_G - step_G, 0)
        next_G = np.array([widths[place] for widths, place in zip(legal, lower_G, strict=True)])
        trial_GG = np.where(np.eye(len(legal), dtype=bool), next_G, width_G)
        saved_G = (share_K - problem.shares(trial_GG)) @ np.maximum(share_K - 1, 0)
        rise_G = problem.table_GW[groups, next_G] - problem.table_GW[groups, width_G]
        price_G = np.where(saved_G > 0, np.maximum(rise_G, 0) / np.maximum(saved_G, 1e-30), np.inf)
        chosen = int(price_G.argmin())
        if not np.isfinite(price_G[chosen]):  # what is left saves nothing on these budgets: the narrowest are legal
            return problem.narrowest
        place_G[chosen], width_G[chosen] = lower_G[chosen], next_G[chosen]
