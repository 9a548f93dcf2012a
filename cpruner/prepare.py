"""Everything a search needs, checked before any long work starts."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate, materialise
from cpruner.constraint import Budget, Reading, check_reachable, measure_dense, read
from cpruner.data import SeededBatches, data_cache
from cpruner.env import Bench, Judge, Judgement, PruningEnv, PruningProblem, Shelf
from cpruner.errors import InputError
from cpruner.evaluate import Judging, Memo, Score, Scorer, Store, digest
from cpruner.pool import Pool, Workers
from cpruner.ranking import Evidence, Rank, rank
from cpruner.repair import Repair, Repairer, Statistics, gather, gather_cached
from cpruner.space import PruningSpace, Scope, as_inputs, fingerprint, untouched

Labelled = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class Task:
    """One network, its data and its budgets.

    Args:
        model: The trained dense network; never changed.
        example_inputs: Positional arguments of one forward call.
        train: Batches of training images and labels.
        search: Held-out batches that judge candidates; not the test split.
        budgets: Budgets with distinct names, at least one.
        statistics: Batches the activation statistics and the gradients of a ranking come from; None takes ``train``.
    """

    model: nn.Module
    example_inputs: Any
    train: Labelled
    search: Labelled
    budgets: Sequence[Budget]
    statistics: Labelled | None = None


@dataclass(frozen=True)
class Prepared:
    """A task that has passed every check: its space, dense costs and score, and the builder of candidates."""

    task: Task
    space: PruningSpace
    dense: tuple[Reading, ...]
    statistics: Statistics
    repair: Repair
    scorer: Scorer
    memo: Memo[Candidate, Judgement] = field(default_factory=Memo, repr=False)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """The example inputs as positional arguments."""
        return as_inputs(self.task.example_inputs)

    @property
    def dense_score(self) -> Score:
        """Score of the dense network on the whole search split."""
        return self.scorer.dense

    @property
    def costs(self) -> dict[str, float]:
        """Dense cost by budget name."""
        return {reading.name: reading.dense for reading in self.dense}

    @cached_property
    def build(self) -> Repairer:
        """From a candidate to its repaired smaller network."""
        return Repairer(self.task.model, self.space, self.statistics, self.repair)

    @cached_property
    def finish(self) -> Repairer:
        """The same for the network that is returned: with the statistics of more images."""
        images = self.repair.final_images
        if images is None or images <= self.repair.images:
            return self.build
        repair = replace(self.repair, images=images)
        return Repairer(self.task.model, self.space, _statistics(self.task, self.space, repair), repair)

    def read(self, network: nn.Module) -> tuple[Reading, ...]:
        """Measure every budget on a network."""
        return read(self.task.budgets, network, self.inputs, self.costs)

    @cached_property
    def judge(self) -> Judge:
        """Judges candidates and remembers them."""
        return Judge(
            build=self.build,
            score=self.scorer,
            budgets=self.task.budgets,
            example_inputs=self.inputs,
            dense=self.costs,
            memo=self.memo,
            abandon=self.scorer.judging.abandon,
        )

    def env(self, problem: PruningProblem, workers: Workers | None = None) -> PruningEnv:
        """A fresh environment; all environments of one task share their judgements.

        Args:
            problem: How pruning is posed.
            workers: What ``workers`` gave, for a search that judges several candidates at a time.
        """
        return PruningEnv(self.space, replace(self.judge, workers=workers), self.dense, problem)

    def workers(self, pool: Pool) -> Workers:
        """Workers that judge candidates of this task; close them after use.

        Raises:
            InputError: See ``Pool.open``.
        """
        first = next(self.task.model.parameters(), None)
        bench = Bench.of(self.judge, self.space.plan, beside=pool.backend != "serial")
        return pool.open(bench, cuda=first is not None and first.is_cuda, name=bench.name)

    @property
    def fingerprint(self) -> str:
        """Hash of the dense network: structure, weights and buffers."""
        return fingerprint(self.task.model, self.space)


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
    statistics = _statistics(task, space, repair)
    order = rank(Evidence(task.model, space, _drawn(task, ranking.seed), statistics, ranking))
    prepared = Prepared(task, space.ranked(order), dense, statistics, repair, scorer)
    return prepared if scorer.judging.memo is None else replace(prepared, memo=_shared(prepared, ranking))


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


def _drawn(task: Task, seed: int) -> Labelled:
    """The training images to look at: for one seed the same, whatever was read before."""
    images = task.train if task.statistics is None else task.statistics
    return images.reseeded(seed) if isinstance(images, SeededBatches) else images


def _shared(prepared: Prepared, ranking: Rank) -> Memo[Candidate, Judgement]:
    """A memo on disk, by everything that a judgement depends on but the candidate."""
    budgets = prepared.task.budgets
    task = {
        "model": prepared.fingerprint,
        "search": prepared.scorer.images.fingerprint,
        "statistics": digest(prepared.statistics.images),
        "repair": prepared.repair.identity,
        "ranking": repr(ranking),
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


def machine(model: nn.Module) -> tuple[str, int, str]:
    """What the rounding of a judgement depends on: chip, threads, version of torch."""
    device = next(model.parameters()).device
    on_cuda = device.type == "cuda"
    chip = torch.cuda.get_device_name(device) if on_cuda else torch.backends.cpu.get_cpu_capability()
    return chip, torch.get_num_threads(), str(torch.__version__)


def _statistics(task: Task, space: PruningSpace, repair: Repair) -> Statistics:
    images = _drawn(task, repair.seed)
    if not repair.cache:
        return gather(task.model, images, repair)
    folder = data_cache() / "statistics"
    return gather_cached(task.model, images, repair, folder=folder, fingerprint=fingerprint(task.model, space))


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
