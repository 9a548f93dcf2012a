"""Judgements of earlier runs under the budgets of a new one.

Axis letters: N candidates, G groups.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cpruner.constraint import Sample
from cpruner.env import Judgement, PruningEnv
from cpruner.evaluate import worth
from cpruner.history.evaluation import Evaluation
from cpruner.history.history import History
from cpruner.history.run import Run
from cpruner.space import Candidate

Array = NDArray[np.float64]


def recall(history: History, run: Run, env: PruningEnv) -> tuple[Judgement, ...]:
    """What need not be judged again: candidates of the same network, order of channels, images, repair and numerics.

    Scores hold whatever the budgets are. Costs that can be counted are counted anew for the budgets at hand. Costs that
    are measured would have to be measured now, so under such a budget nothing is recalled. Candidates that were given
    up early are left out.

    Args:
        history: Earlier runs.
        run: The one that begins.
        env: Where it searches.

    Returns:
        Distinct candidates in the order in which they were first judged, ready for ``Judge.remember``.
    """
    if any(target.counted is None for target in run.targets):
        return ()
    distinct: dict[tuple[tuple[int, ...], ...], Evaluation] = {}
    for earlier in history.runs(alike=run.alike):
        for evaluation in history.judged(earlier):
            if evaluation.score.complete:
                distinct.setdefault(evaluation.kept, evaluation)
    return _counted(list(distinct.values()), env)


def observed(history: History, run: Run, reward: str) -> tuple[Array, Array]:
    """Keep ratios (N, G) and rewards (N,) of every candidate judged as in a run, before it, whatever its budgets were.

    For :class:`cpruner.search.assistant.Assistant`: rewards do not depend on budgets.

    Args:
        history: Earlier runs.
        run: The one that begins.
        reward: ``PruningProblem.reward``.
    """
    found: dict[tuple[int, ...], float] = {}
    # a run that goes on must see what it saw when it began
    for earlier in (known for known in history.runs(alike=run.alike) if run.id == 0 or known.id < run.id):
        for evaluation in history.judged(earlier):
            value = worth(evaluation.score, reward)
            if evaluation.score.complete and value is not None and evaluation.kept == run.kept(evaluation.widths):
                found.setdefault(evaluation.widths, value)
    return run.ratios(list(found)), np.array(list(found.values()), dtype=np.float64)


def _counted(evaluations: Sequence[Evaluation], env: PruningEnv) -> tuple[Judgement, ...]:
    """Judgements with the costs counted for the budgets of an environment."""
    if not evaluations:
        return ()
    counts = env.space.algebra.count(np.array([evaluation.widths for evaluation in evaluations], dtype=np.int64))
    named = [(budget, counts[str(budget.cost.counted)], env.judge.dense[budget.name]) for budget in env.judge.budgets]
    return tuple(
        Judgement(
            Candidate(evaluation.kept, env.space.plan),
            evaluation.score,
            tuple(budget.reading(Sample(float(count_N[number])), dense) for budget, count_N, dense in named),
        )
        for number, evaluation in enumerate(evaluations)
    )
