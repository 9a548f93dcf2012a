"""Everything a search needs, checked before any long work starts."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate, materialise
from cpruner.constraint import Budget, check_reachable, measure_dense, read
from cpruner.env import Judgement, Shelf
from cpruner.errors import InputError
from cpruner.evaluate import Judging, Memo, Scorer, Store, digest
from cpruner.prepared import Prepared, Task, drawn, machine, statistics_of
from cpruner.ranking import Evidence, Rank, rank
from cpruner.repair import Repair
from cpruner.space import Scope, as_inputs, untouched


def prepare(
    task: Task,
    repair: Repair,
    scope: Scope | None = None,
    ranking: Rank | None = None,
    judging: Judging | None = None,
) -> Prepared:
    """Trace the network and prove it, measure it, refuse budgets nobody can meet, gather statistics, rank channels.

    Args:
        task: The network, data and budgets.
        repair: How candidates are refitted.
        scope: What may be pruned; everything when None.
        ranking: Which channels of a group are kept; by the default criterion when None.
        judging: How candidates are judged; the defaults when None.

    Raises:
        InputError: No budget, nothing to prune, no data, a malformed budget, a memo that cannot be shared, or a model
            that writes into its input.
        TraceError: The model does not run on the example inputs.
        CostError: A cost function fails on the dense or on the smallest network.
        InfeasibleError: A budget is below what the smallest network costs.
    """
    _check_budgets(task.budgets)
    judging = judging or Judging()
    if judging.memo is not None:
        _check_shareable(task.budgets, Path(judging.memo))
    space = (scope or Scope()).trace(task.model, task.example_inputs)
    if not space.groups:
        remedy = "See the reasons above; wrap what is unknown in a module of its own."
        raise InputError("model", expected="at least one prunable group", got=f"none\n{space}", remedy=remedy)
    inputs = as_inputs(task.example_inputs)
    _check_inputs_stay(task.model, inputs)
    costs = measure_dense(task.budgets, task.model, inputs)
    dense = read(task.budgets, task.model, inputs, costs)
    smallest = read(task.budgets, materialise(task.model, space.smallest()), inputs, costs)
    # a cost may also fall with the width (an error rate does): out of reach is what neither end of the space meets
    check_reachable(task.budgets, costs, {reading.name: min(reading.value, reading.dense) for reading in smallest})
    scorer = Scorer.of(task.model, task.search, judging)
    ranking = ranking or Rank()
    statistics = statistics_of(task, space, repair)
    order = rank(Evidence(task.model, space, drawn(task, ranking.seed), statistics, ranking))
    prepared = Prepared(task, space.ranked(order), dense, statistics, repair, scorer, ranking)
    return prepared if scorer.judging.memo is None else replace(prepared, memo=_shared(prepared))


def _check_inputs_stay(model: nn.Module, inputs: tuple[Any, ...]) -> None:
    """Images are held and read again by every candidate."""
    given = [value.clone() if isinstance(value, Tensor) else value for value in inputs]
    with untouched(model), torch.no_grad():
        model(*given)
    for number, (before, after) in enumerate(zip(inputs, given, strict=True)):
        if isinstance(before, Tensor) and not torch.equal(before.nan_to_num(), after.nan_to_num()):
            remedy = "Start its forward with a copy: x = x.clone()."
            got = f"input {number} is changed by a forward pass"
            raise InputError("model", expected="a network that leaves its inputs as they are", got=got, remedy=remedy)


def _shared(prepared: Prepared) -> Memo[Candidate, Judgement]:
    """A memo on disk, by everything that a judgement depends on but the candidate."""
    budgets = prepared.task.budgets
    task = {
        "model": prepared.fingerprint,
        "search": prepared.scorer.images.fingerprint,
        "statistics": digest(prepared.statistics.images),
        "repair": prepared.repair.identity,
        "ranking": repr(prepared.ranking),
        "judging": prepared.scorer.identity,
        "budgets": [
            (repr(budget), reading.limit, reading.dense)
            for budget, reading in zip(budgets, prepared.dense, strict=True)
        ],
        "machine": machine(prepared.task.model),
    }
    key = hashlib.sha256(repr(task).encode()).hexdigest()
    path = Path(str(prepared.scorer.judging.memo))
    return Memo(behind=Shelf(Store(path, key), prepared.space.plan))


def _check_budgets(budgets: Any) -> None:
    listed = isinstance(budgets, Sequence) and not isinstance(budgets, str)
    if not listed or not budgets or not all(isinstance(budget, Budget) for budget in budgets):
        raise InputError(
            "budgets",
            expected="at least one Budget, in a list",
            got=repr(budgets) if budgets else "none",
            remedy="Write budgets=[Budget(Flops(), limit=0.5)].",
        )


def _check_shareable(budgets: Sequence[Budget], memo: Path) -> None:
    measured = [budget.name for budget in budgets if budget.cost.counted is None]
    if measured:  # no two processes would measure the same
        remedy = "Set judging.memo=null, or limit FLOPs, MACs or parameters only."
        raise InputError("judging.memo", expected="budgets that are counted", got=measured, remedy=remedy)
    Store(memo, "")  # refuses the file of another program now
