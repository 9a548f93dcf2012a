"""Warnings: what goes wrong in a search, read off its history; docs/diagnostics.md says what to do about each.

Axis letters: W evaluations of a window, G groups.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cpruner.report.history import History
from cpruner.report.quantity import percent

PATIENCE = 5
"""Updates for which a multiplier must be at its cap."""
WINDOW = 20
"""Evaluations in which a policy must stand still."""
DISTINCT = 3
"""Different candidates in that window, up to which a policy stands still."""
SPREAD = 0.002
"""Standard deviation of keep ratios, on average over groups, below which a policy stands still."""
EARLY = 0.8
"""Share of the evaluations after which a policy may stand still: the search is nearly over."""
FEWEST = 40
"""Evaluations before an average says anything."""


@dataclass(frozen=True)
class SearchWarning:
    """Something a user should know of a search.

    Args:
        kind: ``saturated/<budget>``, ``infeasible``, ``collapsed`` or ``no better``; a search has one of each at most.
        text: What was seen and what to do.
    """

    kind: str
    text: str


def search_warnings(
    history: History, total: int, *, start: int = 0, reference: History | None = None
) -> tuple[SearchWarning, ...]:
    """What is wrong with a search so far.

    Args:
        history: Of the search, from evaluation ``start`` on.
        total: Evaluations the search may make.
        start: Evaluations before the history begins; a search that goes on is not compared with its own beginning.
        reference: History of a search by random choices on the same problem; without it, the search is compared with
            its own beginning.
    """
    found = [*_saturated(history), *_infeasible(history, total, start), *_collapsed(history, total, start)]
    if reference is not None:
        found += _no_better_than_random(history, reference)
    elif start == 0:
        found += _no_better_than_before(history, total)
    return tuple(found)


def _saturated(history: History) -> Iterator[SearchWarning]:
    for name in history.scaled:
        at_cap = history.scalars.get(f"saturated/{name}", ())[-PATIENCE:]
        excess = history.scalars.get(f"violation/{name}", ())[-PATIENCE:]
        if len(at_cap) == PATIENCE and all(held > 0 for held in at_cap) and all(over > 0 for over in excess):
            seen = (
                f"The multiplier of '{name}' has been at its cap for {PATIENCE} updates, and what the agent proposes "
            )
            if any(history.feasible):
                advice = "Raise the cap (agent.multiplier.cap): some candidates do meet every budget."
            else:
                advice = "This budget may be out of reach: raise its limit, or the cap (agent.multiplier.cap)."
            yield SearchWarning(f"saturated/{name}", f"{seen}still costs more than the budget. {advice}")


def _infeasible(history: History, total: int, start: int) -> Iterator[SearchWarning]:
    done = len(history.accuracy)
    if done < WINDOW or start + done < total / 2 or any(history.feasible):
        return
    excess, name = min(max((costs[e] - 1, name) for name, costs in history.scaled.items()) for e in range(done))
    yield SearchWarning(
        "infeasible",
        f"None of {done} candidates has met every budget; the nearest exceeds '{name}' by {percent(excess, 1)} of its "
        "limit. The budgets may be out of reach: raise a limit, or set problem.feasibility=scaled.",
    )


def _collapsed(history: History, total: int, start: int) -> Iterator[SearchWarning]:
    done = min(len(history.accuracy), int(EARLY * total) - start)
    if done < 2 * WINDOW or not history.ratios:
        return
    ratio_WG = np.array(list(history.ratios.values()), dtype=np.float64).T[done - WINDOW : done]
    distinct, spread = len(np.unique(ratio_WG, axis=0)), float(ratio_WG.std(axis=0).mean())
    if distinct > DISTINCT and spread >= SPREAD:
        return
    yield SearchWarning(
        "collapsed",
        f"The policy stands still with {total - start - done} evaluations left: {distinct} of the last {WINDOW} "
        f"candidates differ, and keep ratios vary by {spread:.4f}. Let it explore for longer (options std_decay and "
        "std_floor of agent.policy, entropy of agent.update), or make fewer evaluations.",
    )


def _no_better_than_random(history: History, reference: History) -> Iterator[SearchWarning]:
    done = min(len(history.accuracy), len(reference.accuracy))
    late, chance = _met(history, done // 2, done), _met(reference, 0, done)
    best = max(_met(history, 0, done), default=math.nan)
    if done < FEWEST or not chance or best > max(chance) or _above(late, chance):
        return
    yield SearchWarning(
        "no better",
        f"The agent is no better than random choices after {done} evaluations each: best within budgets "
        f"{percent(best)} against {percent(max(chance))}, average of its second half {_mean(late)} against "
        f"{_mean(chance)}. Raise search.evaluations, or try another agent.",
    )


def _no_better_than_before(history: History, total: int) -> Iterator[SearchWarning]:
    done = len(history.accuracy)
    early, late = _met(history, 0, done // 4), _met(history, done // 2, done)
    if done < max(FEWEST, total / 2) or not early or (late and max(late) > max(early)) or _above(late, early):
        return
    best = percent(max(late, default=math.nan))
    yield SearchWarning(
        "no better",
        f"So far the agent is no better than its own beginning: best within budgets {best} and average {_mean(late)} "
        f"in evaluations {done // 2 + 1} to {done}, against {percent(max(early))} and "
        f"{_mean(early)} in the first {done // 4}. Raise search.evaluations, or try another agent.",
    )


def _met(history: History, first: int, last: int) -> list[float]:
    """Search accuracies of the networks that met every budget."""
    pairs = zip(history.accuracy[first:last], history.feasible[first:last], strict=True)
    return [accuracy for accuracy, met in pairs if met]


def _above(left: Sequence[float], right: Sequence[float]) -> bool:
    """Whether the mean of the left is larger, by two standard errors of the difference."""
    if not left:
        return False
    error = math.sqrt(float(np.var(left) / len(left) + np.var(right) / len(right)))
    return float(np.mean(left) - np.mean(right)) > 2 * error


def _mean(values: Sequence[float]) -> str:
    return percent(float(np.mean(values)) if values else math.nan)
