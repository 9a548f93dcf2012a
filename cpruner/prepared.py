"""A task that has passed every check, and what is made of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor, nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, Reading, read
from cpruner.data import SeededBatches, data_cache
from cpruner.env import Bench, Judge, Judgement, PruningEnv, PruningProblem
from cpruner.evaluate import Memo, Score, Scorer
from cpruner.pool import Pool, Workers
from cpruner.ranking import Rank
from cpruner.repair import Repair, Repairer, Statistics, gather, gather_cached
from cpruner.space import PruningSpace, as_inputs, fingerprint
from cpruner.surrogate import Surrogate, surrogate

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
    ranking: Rank
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
        return Repairer(self.task.model, self.space, statistics_of(self.task, self.space, repair), repair)

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
            cut=partial(self.build, mode="none"),
            abandon=self.scorer.judging.abandon,
        )

    @cached_property
    def surrogate(self) -> Surrogate:
        """Predicts what candidates lose from their widths; made when somebody needs it."""
        return surrogate(self.task.model, self.space, self.statistics, self.ranking.damping)

    def env(self, problem: PruningProblem, workers: Workers | None = None) -> PruningEnv:
        """A fresh environment; all environments of one task share their judgements.

        Args:
            problem: How pruning is posed.
            workers: What ``workers`` gave, for a search that judges several candidates at a time.
        """
        judge = replace(self.judge, workers=workers)
        predicted = self.surrogate.predict if problem.sensitivities else None
        return PruningEnv(self.space, judge, self.dense, problem, predicted)

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


def drawn(task: Task, seed: int) -> Labelled:
    """The training images to look at: for one seed the same, whatever was read before."""
    images = task.train if task.statistics is None else task.statistics
    return images.reseeded(seed) if isinstance(images, SeededBatches) else images


def statistics_of(task: Task, space: PruningSpace, repair: Repair) -> Statistics:
    """Activation statistics of the dense network, from the cache if it may be used."""
    images = drawn(task, repair.seed)
    if not repair.cache:
        return gather(task.model, images, repair)
    folder = data_cache() / "statistics"
    return gather_cached(task.model, images, repair, folder=folder, fingerprint=fingerprint(task.model, space))


def machine(model: nn.Module) -> tuple[str, int, str]:
    """What the rounding of a judgement depends on: chip, threads, version of torch."""
    device = next(model.parameters()).device
    on_cuda = device.type == "cuda"
    chip = torch.cuda.get_device_name(device) if on_cuda else torch.backends.cpu.get_cpu_capability()
    return chip, torch.get_num_threads(), str(torch.__version__)
