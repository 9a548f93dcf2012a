"""Neighbours of a choice of widths: one group wider and another narrower, or all widths of a few groups at once."""

import math
from collections.abc import Sequence

import numpy as np

from cpruner.surrogate.problem import Problem
from cpruner.surrogate.surrogate import Widths

#: Steps of an exchange, as shares of a group's legal widths; a step is at least one.
_STEPS = (0, 1 / 32, 1 / 16, 1 / 8, 1 / 4)
#: Candidates in one table of a few groups.
_ROWS = 4096
#: At most so many widths of one group in such a table.
_MOST = (4, 8, 16, 64)


def exchanges(problem: Problem, width_G: Widths) -> Widths:
    """All candidates with one group wider and at most one other narrower, (N, G)."""
    wider, narrower = [], []
    for group, widths in enumerate(problem.legal):
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
    return np.array(trials, dtype=np.int64).reshape(-1, len(width_G))


def combinations(problem: Problem, width_G: Widths, generator: np.random.Generator) -> Widths:
    """Every combination of the widths of a few groups drawn at random, (N, G).

    A group with more legal widths than the table has room for is represented by some: near its width every one,
    further away fewer and fewer.
    """
    most = int(generator.choice(_MOST))
    chosen: list[int] = []
    lists: list[Widths] = []
    rows = 1
    for group in generator.permutation(len(problem.legal)):
        widths = _thinned(problem.legal[group], int(width_G[group]), most)
        rows *= len(widths)
        if rows > _ROWS:
            break
        chosen.append(int(group))
        lists.append(widths)
    table_NC = _product(lists)
    trial_NG = np.repeat(width_G[None], len(table_NC), axis=0)
    trial_NG[:, chosen] = table_NC
    return trial_NG


def everything(problem: Problem) -> Widths | None:
    """All candidates, (N, G), where they are few."""
    few = math.prod(len(widths) for widths in problem.legal) <= _ROWS
    return _product(problem.legal) if few else None


def _product(lists: Sequence[Widths]) -> Widths:
    return np.stack(np.meshgrid(*lists, indexing="ij"), axis=-1).reshape(-1, len(lists))


def _thinned(widths: Widths, width: int, most: int) -> Widths:
    if len(widths) <= most:
        return widths
    steps = np.round(np.geomspace(1, len(widths), most // 2)).astype(np.int64)
    places = int(np.searchsorted(widths, width)) + np.concatenate([-steps, [0], steps])
    return np.asarray(widths[np.unique(np.clip(places, 0, len(widths) - 1))])
