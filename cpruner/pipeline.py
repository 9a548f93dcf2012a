"""``cpruner.prune``: from a trained network and budgets to a smaller network that meets them, top to bottom."""

import copy
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from cpruner.agent import ppo_lagrangian
from cpruner.candidate import Candidate, load, save_artefact
from cpruner.cmdp import AgentSpec
from cpruner.constraint import Budget, Reading
from cpruner.env import Judgement
from cpruner.errors import InfeasibleError, InputError
from cpruner.evaluate import recalled, record, score
from cpruner.finetune import TrainingLog, tune
from cpruner.prepare import prepare
from cpruner.prepared import Labelled, Prepared, Task
from cpruner.repair import polish
from cpruner.result import Result
from cpruner.search import SearchResult
from cpruner.settings import AGENT, Settings
from cpruner.start import Start
from cpruner.watch import Watcher


def prune(  # noqa: PLR0913 - the public entry; what has a good default is in Settings
    model: nn.Module,
    example_inputs: Any,
    *,
    train: Labelled,
    search: Labelled,
    budgets: Sequence[Budget],
    agent: AgentSpec | None = None,
    evaluations: int = 200,
    seed: int = 0,
    settings: Settings | None = None,
) -> Result:
    """Make a trained network smaller until it meets every budget.

    Args:
        model: The trained network; it is not changed.
        example_inputs: One tensor, or a tuple of positional arguments; the costs are measured on it.
        train: Batches of training images and labels: activation statistics and fine-tuning.
        search: Batches held out of the training data: judges candidates and checkpoints. Never pass the test split.
        budgets: What the network may cost.
        agent: Who decides; None is PPO-Lagrangian.
        evaluations: Candidates the agent may judge; each baseline gets as many.
        seed: Of the agent, the baselines and the fine-tuning.
        settings: Everything else.

    Returns:
        The smaller network and how it came about.

    Raises:
        InputError: A malformed argument, before any long work.
        TraceError: The model does not run on the example inputs.
        CostError: A cost function raised or returned no finite number.
        InfeasibleError: A budget cannot be met, or no judged candidate met them all.
        CheckpointError: ``settings.resume`` belongs to another run.
        WorkerError: Workers of ``settings.pool`` died on one candidate again and again.
    """
    settings = settings or Settings()
    return run(
        Task(model, example_inputs, train, search, budgets), agent or ppo_lagrangian(), evaluations, seed, settings
    )


def run(task: Task, agent: AgentSpec, evaluations: int, seed: int, settings: Settings) -> Result:
    """The same for a task and settings; see ``prune``. The random state of torch is left as it was."""
    if not isinstance(evaluations, int) or isinstance(evaluations, bool) or evaluations < 1:
        raise InputError("evaluations", expected="an integer of at least 1", got=repr(evaluations), remedy="Try 200.")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # a DataLoader without a generator draws from it
        try:
            return _run(task, agent, evaluations, seed, settings)
        finally:
            settings.watcher.close()


def _run(task: Task, agent: AgentSpec, evaluations: int, seed: int, settings: Settings) -> Result:
    clock = _Clock(settings.watcher)
    judging = recalled(settings.judging, settings.resume)
    prepared = clock("prepare", lambda: prepare(task, settings.repair, settings.space, settings.ranking, judging))
    record(prepared.scorer.judging, settings.judging, settings.run_dir)
    settings.watcher.prepared(prepared.space, prepared.dense, prepared.dense_score)
    agents = {AGENT: agent, **settings.baselines}
    with prepared.workers(settings.pool) as workers:
        start = Start(prepared, workers, evaluations, seed, settings)
        searches = {name: clock(f"search: {name}", partial(start, name, spec)) for name, spec in agents.items()}
    chosen = _recheck(prepared, searches[AGENT])
    searched = clock("repair", lambda: prepared.finish(chosen.candidate))
    if settings.polish.steps:
        clock("polish", lambda: polish(searched, task.model, task.train, settings.polish))
    tuned, log = clock("finetune", lambda: _finetune(prepared, searched, seed, settings))
    final, readings = _certify(prepared, tuned, chosen.candidate, settings)
    return Result(
        model=final,
        candidate=chosen.candidate,
        readings=readings,
        score=score(final, task.search),
        searched=chosen,
        searches=searches,
        training=log,
        prepared=prepared,
        seed=seed,
        seconds=clock.seconds,
    )


def _recheck(prepared: Prepared, found: SearchResult) -> Judgement:
    """Measure the best candidates again, best first: noisy costs must hold twice.

    Raises:
        InfeasibleError: No candidate met every budget, or none did so twice.
    """
    found.require()
    failed: list[Reading] = []
    for judgement in found.ranked:
        readings = prepared.read(prepared.build(judgement.candidate))
        if all(reading.certain for reading in readings):
            return judgement
        failed.append(max(readings, key=lambda reading: reading.upper_share))
    nearest = min(failed, key=lambda reading: reading.upper_share)
    remedy = "It was met once but not when measured again: raise the limit or quieten the machine."
    raise InfeasibleError(nearest.name, limit=nearest.limit, smallest=nearest.upper, unit=nearest.unit, remedy=remedy)


def _finetune(prepared: Prepared, network: nn.Module, seed: int, settings: Settings) -> tuple[nn.Module, TrainingLog]:
    task, told = prepared.task, settings.watcher.epoch
    return tune(network, task.train, task.search, settings.finetune, seed=seed, teacher=task.model, progress=told)


def _certify(
    prepared: Prepared, network: nn.Module, candidate: Candidate, settings: Settings
) -> tuple[nn.Module, tuple[Reading, ...]]:
    """Measure what is returned; with a run directory, that is the artefact as loaded back from disk.

    Raises:
        InfeasibleError: A budget does not hold; the artefact stays on disk for inspection.
    """
    if settings.run_dir is not None:
        save_artefact(settings.run_dir, network, candidate)
        network = load(settings.run_dir, lambda: copy.deepcopy(prepared.task.model))
    readings = prepared.read(network)
    for reading in readings:
        if not reading.satisfied:
            remedy = "It held during the search but not on the saved network: raise the limit or quieten the machine."
            raise InfeasibleError(
                reading.name, limit=reading.limit, smallest=reading.value, unit=reading.unit, remedy=remedy
            )
    return network, readings


class _Clock:
    """Runs phases, tells the watcher, keeps their seconds."""

    def __init__(self, watcher: Watcher) -> None:
        self.seconds: dict[str, float] = {}
        self._watcher = watcher

    def __call__(self, phase: str, work: Any) -> Any:
        self._watcher.phase(phase)
        start = time.perf_counter()
        outcome = work()
        self.seconds[phase] = time.perf_counter() - start
        return outcome
