"""One run of the command: from a job to a run directory with the smaller network and its report."""

import dataclasses
import os
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from cpruner.command.certificate import certify, write_limits
from cpruner.command.dense import dense_network
from cpruner.command.job import Job
from cpruner.command.rows import RowMaker, budget_rows, group_widths, history, warnings
from cpruner.errors import InfeasibleError
from cpruner.pipeline import run
from cpruner.prepared import Task
from cpruner.report import (
    EventLog,
    Report,
    device_name,
    render,
    render_budgets,
    versions,
    write_figures,
    write_result,
)
from cpruner.report.row import BudgetRow
from cpruner.result import Result
from cpruner.screen import Screen
from cpruner.settings import AGENT, Settings

DENSE = "data and dense network"


def execute(job: Job, run_dir: Path, console: Console) -> Report:
    """Do everything the command does.

    Args:
        job: What to do.
        run_dir: An existing directory for this run alone.
        console: Where to write.

    Returns:
        The report, also written to ``run_dir``.

    Raises:
        CprunerError: See ``pipeline.prune``; the run directory keeps what was done.
    """
    with EventLog(run_dir / "tensorboard") as events:
        screen = Screen(console, events, groups=True)
        try:
            return _execute(job, run_dir, screen)
        finally:
            screen.close()


def _execute(job: Job, run_dir: Path, screen: Screen) -> Report:
    job.set_threads()
    device = job.torch_device()
    screen.phase(DENSE)
    start = time.perf_counter()
    splits = job.data.load(job.seed)
    model = dense_network(job, splits, device, screen.dense_epoch)
    dense_seconds = time.perf_counter() - start
    task = Task(
        model=model,
        example_inputs=splits.example.to(device),
        train=splits.train,
        search=splits.search,
        budgets=job.budgets,
        statistics=splits.train_eval,
    )
    settings = Settings(
        repair=job.repair,
        ranking=job.ranking,
        warm_up=job.warm_up,
        assistant=job.assistant,
        past=job.past,
        polish=job.polish,
        problem=job.problem,
        judging=job.judging,
        finetune=job.finetune,
        baselines=job.baselines,
        space=job.space,
        pool=job.pool,
        run_dir=run_dir,
        resume=None if job.search.resume is None else Path(job.search.resume),
        watcher=screen,
    )
    result = run(task, job.agent, job.search.evaluations, job.seed, settings)
    screen.phase("report")
    write_limits(run_dir, result.readings)
    budgets = _promised(certify(run_dir), result)
    seconds = {DENSE: dense_seconds, **result.seconds}
    report = _report(job, result, RowMaker(result, splits), budgets, seconds)
    write_result(run_dir / "result.json", report)
    write_figures(report, run_dir)
    _show(report, run_dir, screen.console)
    return report


def _promised(certificate: dict[str, Any], result: Result) -> tuple[BudgetRow, ...]:
    """The budgets as measured in the fresh process.

    Raises:
        InfeasibleError: One does not hold there.
    """
    rows = tuple(BudgetRow(**budget) for budget in certificate["budgets"])
    for row in rows or budget_rows(result.readings):
        if not row.satisfied:
            remedy = "It held during the search but not in a fresh process: raise the limit or quieten the machine."
            raise InfeasibleError(row.name, limit=row.limit, smallest=row.value, unit=row.unit, remedy=remedy)
    return rows


def _report(
    job: Job, result: Result, make: RowMaker, budgets: tuple[BudgetRow, ...], seconds: dict[str, float]
) -> Report:
    found = result.searches
    space = result.prepared.space
    uniform = found["uniform"].best if "uniform" in found else None
    return Report(
        seed=job.seed,
        versions=versions(),
        device=device_name(job.torch_device()),
        seconds=seconds,
        dense=make.dense(),
        baselines=tuple(make.best(name, search) for name, search in found.items() if name != AGENT),
        searched=make.searched(AGENT, len(found[AGENT].archive)),
        pruned=make.row(f"{AGENT} + fine-tuning", result.model, result.readings, len(found[AGENT].archive)),
        budgets=budgets,
        groups=group_widths(space, result.candidate),
        uniform_groups=() if uniform is None else group_widths(space, uniform.candidate),
        history=history(found[AGENT]),
        judging=dataclasses.asdict(result.prepared.scorer.judging),
        warnings=warnings(found),
    )


def _show(report: Report, run_dir: Path, console: Console) -> None:
    console.print(render(report))
    console.print(render_budgets(report.budgets))
    console.print(f"written to {run_dir}", highlight=False, soft_wrap=True)


def link_latest(run_dir: Path) -> None:
    """Let ``latest`` beside a run directory point to it; without links, or where ``latest`` is no link, do nothing."""
    link = run_dir.parent / "latest"
    if link.exists() and not link.is_symlink():
        return
    part = run_dir.parent / f".latest.{os.getpid()}"
    try:
        os.symlink(run_dir.name, part)
        os.replace(part, link)
    except OSError:
        part.unlink(missing_ok=True)


def resumable(run_dir: Path) -> bool:
    """Whether a search left a checkpoint there."""
    return (run_dir / "search" / f"{AGENT}.pt").is_file()
