"""Agents against baselines: same environment, same number of evaluations, several seeds.

    python benchmarks/search.py                                   # the default task (digits)
    python benchmarks/search.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors --seeds 5
    python benchmarks/search.py "constraint=[flops,params,latency]" --task resnet20 ... --label three
    python benchmarks/search.py --task resnet20 ... --label half --entries ppo_lagrangian --keep earlier
    python benchmarks/search.py --task resnet56 ... --label after_resnet20 --past earlier

Options of the command come first, before those of the benchmark.

Prints one row per entry (mean and spread over seeds), writes benchmarks/results/search_<task>[_<label>].json and a
picture of the same name. An interrupted run continues: finished (entry, seed) pairs are not repeated. Several processes
may write to one file, each with entries or seeds of its own: what two begin at the same time is searched twice.
The test split is read once per search, for the chosen candidate.
"""

import argparse
import json
import math
import time
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import torch
from measure.earlier import Earlier
from measure.entry import ENTRIES, WITH_PAST, Entry
from measure.races import draw
from measure.record import RESULTS, environment, replace
from measure.standing import COLUMNS, standing
from measure.task import job_of, parser
from rich.console import Console
from rich.table import Table
from torch import nn

from cpruner.command import Job, dense_network
from cpruner.env import Judgement
from cpruner.evaluate import score
from cpruner.history import Past
from cpruner.pool import Pool
from cpruner.prepare import prepare
from cpruner.prepared import Prepared, Task
from cpruner.search import SearchResult, quality
from cpruner.settings import AGENT, Settings
from cpruner.start import Start
from cpruner.watch import Silent


def prepared(job: Job) -> tuple[Prepared, Any]:
    """Dense network, space, statistics."""
    splits = job.data.load(job.seed)
    model = dense_network(job, splits, job.torch_device())
    task = Task(
        model, splits.example.to(job.torch_device()), splits.train, splits.search, job.budgets, splits.train_eval
    )
    return prepare(task, job.repair, job.space, job.ranking, job.judging), splits


def one(
    ready: Prepared, job: Job, entry: Entry, seed: int, past: Past | None = None, run_dir: Path | None = None
) -> tuple[SearchResult, dict[str, float]]:
    """One search, judged from an empty memory; and its seconds, by the clock and of the processor."""
    ready.memo.clear()
    settings = Settings(
        repair=job.repair,
        ranking=job.ranking,
        problem=entry.problem(job.problem),
        judging=job.judging,
        warm_up=entry.warm_up,
        assistant=entry.assistant,
        past=past or Past(),
        space=job.space,
        run_dir=run_dir,
        watcher=Silent(),
    )
    clock, processor = time.perf_counter(), time.process_time()
    with ready.workers(Pool()) as workers:
        start = Start(ready, workers, entry.evaluations or job.search.evaluations, seed, settings)
        found = start(AGENT, entry.agent)
    return found, {"seconds": time.perf_counter() - clock, "core_seconds": time.process_time() - processor}


def loss_after(found: SearchResult) -> list[float | None]:
    """Search loss of the best feasible candidate after every evaluation; None before there is one."""
    best, course = math.inf, []
    for judgement in found.archive:
        best = min(best, judgement.score.loss if judgement.feasible and judgement.score.complete else math.inf)
        course.append(None if best == math.inf else round(best, 6))
    return course


def returned(ready: Prepared, found: SearchResult) -> tuple[Judgement | None, nn.Module | None, int]:
    """The best candidate that meets every budget when it is finished and measured again, and how many were better."""
    feasible = {judgement.candidate: judgement for judgement in found.archive if judgement.feasible}
    complete = [judgement for judgement in feasible.values() if judgement.score.complete]
    for passed_over, judgement in enumerate(sorted(complete, key=quality, reverse=True)):
        network = ready.finish(judgement.candidate)
        if all(reading.satisfied for reading in ready.read(network)):
            return judgement, network, passed_over
    return None, None, len(complete)


def row(ready: Prepared, splits: Any, found: SearchResult) -> dict[str, Any]:
    """What is kept of one search; of one that found nothing within the budgets, how near it came."""
    judged = {
        "evaluations": len(found.archive),
        "distinct": len({judgement.candidate for judgement in found.archive}),
        "loss_after": loss_after(found),
    }
    best, network, passed_over = returned(ready, found)
    if best is None or network is None:
        least = min(judgement.violation for judgement in found.archive)
        return judged | {"feasible": False, "violation": least, "passed_over": passed_over}
    test = score(network, splits.test)
    return {
        "search_accuracy": best.score.accuracy,
        "search_loss": best.score.loss,
        "test_accuracy": test.accuracy,
        "test_loss": test.loss,
        "feasible": True,
        "passed_over": passed_over,
        "scaled_costs": {reading.name: reading.scaled for reading in best.readings},
        "widths": list(best.candidate.widths),
    } | judged


def without_past(path: Path, identity: dict[str, Any], seeds: range) -> dict[str, Any]:
    """Rows of the entries that take nothing over, from the file of the same comparison without a past."""
    known = (stored(path, identity | {"past": None}) or {"runs": {}})["runs"]
    alone = {name: (repr(entry), known.get(name, {})) for name, entry in WITH_PAST.items() if not entry.past}
    rows = {
        name: {seed: row for seed, row in runs.items() if int(seed) in seeds and row["entry"] == entry}
        for name, (entry, runs) in alone.items()
    }
    return {name: runs for name, runs in rows.items() if runs}


def stored(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """What the file holds of this benchmark; another process may have added to it meanwhile."""
    record = json.loads(path.read_text()) if path.is_file() else {}
    return record if record.get("identity") == identity else None


def table(record: dict[str, Any]) -> Table:
    """Mean and spread per entry, and the evaluations to what the search from scratch ended with."""
    shown = Table(*COLUMNS, title=record["task"])
    for cells in standing(record):
        shown.add_row(*cells)
    return shown


def options_of() -> argparse.Namespace:
    """What was asked for."""
    accepted = parser(__doc__)
    accepted.add_argument("--evaluations", type=int)
    accepted.add_argument("--label", help="part of the name of the result file, for other budgets")
    accepted.add_argument("--entries", nargs="*", choices=list(ENTRIES | WITH_PAST))
    accepted.add_argument("--first-seed", type=int, default=0)
    accepted.add_argument("--keep", type=Path, help="folder: keep the searches of one entry for others to learn from")
    accepted.add_argument("--past", type=Path, help="folder of kept searches: compare what can be learnt from them")
    return accepted.parse_args()


def begun(ready: Prepared, splits: Any, job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """The record before the first search."""
    identity = {
        "repair": repr(changed(job.repair, cache=True)),
        "ranking": repr(job.ranking),
        "problem": repr(job.problem),
        "judging": ready.scorer.identity,
        "evaluations": job.search.evaluations,
        "budgets": {reading.name: str(budget.limit) for reading, budget in zip(ready.dense, job.budgets, strict=True)},
        "model": ready.fingerprint,
        "past": None if options.past is None else Earlier(options.past).source,
    }
    dense = {
        "search_accuracy": ready.dense_score.accuracy,
        "test_accuracy": score(ready.task.model, splits.test).accuracy,
    }
    budgets = {reading.name: reading.limit / reading.dense for reading in ready.dense}
    found = {"task": options.task, "identity": identity, "runs": {}}
    return found | environment() | {"budgets": budgets, "dense": dense}


def searched(ready: Prepared, job: Job, entry: Entry, seed: int, options: argparse.Namespace) -> Any:
    """One search, with the past it asks for, kept if that was asked for."""
    if options.keep is not None:
        run_dir, past = Earlier(options.keep).kept(seed)
        return one(ready, job, entry, seed, past, run_dir)
    if not entry.past:
        return one(ready, job, entry, seed)
    with Earlier(options.past).past(seed, entry.past) as past:
        return one(ready, job, entry, seed, past)


def main() -> None:
    options = options_of()
    job = job_of(options, *([f"search.evaluations={options.evaluations}"] if options.evaluations else []))
    torch.set_num_threads(options.threads)
    ready, splits = prepared(job)
    path = RESULTS / f"search_{options.task}{f'_{options.label}' if options.label else ''}.json"
    entries = WITH_PAST if options.past is not None else ENTRIES
    fresh, console = begun(ready, splits, job, options), Console()
    if options.past is not None:
        alone, seeds = RESULTS / f"search_{options.task}.json", range(options.first_seed, options.seeds)
        fresh["runs"] = without_past(alone, fresh["identity"], seeds)
    if options.keep is not None:
        Earlier(options.keep).keep({key: fresh[key] for key in ("task", "budgets")} | {"entries": options.entries})
    for seed in range(options.first_seed, options.seeds):
        for name in options.entries or entries:
            entry, known = entries[name], (stored(path, fresh["identity"]) or fresh)["runs"].get(name, {})
            if (name == "uniform" and seed > 0) or known.get(str(seed), {}).get("entry") == repr(entry):
                continue
            found, taken = searched(ready, job, entry, seed, options)
            done = row(ready, splits, found) | taken | {"entry": repr(entry)}
            record = stored(path, fresh["identity"]) or fresh
            record["runs"].setdefault(name, {})[str(seed)] = done
            record["runs"] = {known: record["runs"][known] for known in entries if known in record["runs"]}
            replace({path: json.dumps(record, indent=1) + "\n"})
            console.print(name, "seed", seed, {key: done.get(key) for key in ("search_loss", "test_accuracy")})
    record = stored(path, fresh["identity"]) or fresh
    draw(record, path.with_suffix(".png"))
    console.print(table(record))


if __name__ == "__main__":
    main()
