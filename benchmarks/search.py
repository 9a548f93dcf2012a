"""Agent against uniform, random and the cross-entropy method: same environment, same evaluations, several seeds.

    python benchmarks/search.py                                   # the default task (digits)
    python benchmarks/search.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

Prints one row per agent (mean and spread over seeds) and writes benchmarks/results/search_<task>.json. An interrupted
run continues: finished (agent, seed) pairs are not repeated. The test split is read once per search, for the chosen
candidate.
"""

import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch
from measure.record import RESULTS, replace
from measure.task import job_of, parser
from rich.console import Console
from rich.table import Table

from cpruner.agent import CrossEntropy, Random, Uniform, ppo_lagrangian
from cpruner.cmdp import AgentSpec
from cpruner.command import Job, dense_network
from cpruner.evaluate import score
from cpruner.prepare import Prepared, Task, prepare
from cpruner.report import device_name, versions
from cpruner.search import SearchResult, search

AGENTS: dict[str, AgentSpec] = {
    "uniform": Uniform(),
    "random": Random(),
    "cross_entropy": CrossEntropy(),
    "ppo_lagrangian": ppo_lagrangian(),
}


def prepared(job: Job) -> tuple[Prepared, Any]:
    """Dense network, space, statistics."""
    splits = job.data.load(job.seed)
    model = dense_network(job, splits, job.torch_device())
    task = Task(
        model, splits.example.to(job.torch_device()), splits.train, splits.search, job.budgets, splits.train_eval
    )
    return prepare(task, job.repair, job.space, job.ranking, job.judging), splits


def one(ready: Prepared, job: Job, name: str, seed: int) -> tuple[SearchResult, float]:
    """One search, judged from an empty memory."""
    ready.memo.clear()
    env = ready.env(job.problem)
    evaluations = 1 if name == "uniform" else job.search.evaluations
    start = time.perf_counter()
    return search(env, AGENTS[name].build(env.problem, seed), evaluations), time.perf_counter() - start


def row(ready: Prepared, splits: Any, found: SearchResult, seconds: float) -> dict[str, Any]:
    """What is kept of one search."""
    best = found.require()
    return {
        "search_accuracy": best.score.accuracy,
        "search_loss": best.score.loss,
        "test_accuracy": score(ready.build(best.candidate), splits.test).accuracy,
        "scaled_costs": {reading.name: reading.scaled for reading in best.readings},
        "widths": list(best.candidate.widths),
        "evaluations": len(found.archive),
        "best_after": [
            max(j.score.accuracy for j in found.archive[: n + 1] if j.feasible)
            for n in range(9, len(found.archive), 10)
        ],
        "seconds": seconds,
    }


def stored(path: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """What the file holds of this benchmark; another process may have added to it meanwhile."""
    record = json.loads(path.read_text()) if path.is_file() else {}
    return record if record.get("identity") == identity else None


def table(record: dict[str, Any]) -> Table:
    """Mean and spread per agent."""
    shown = Table("agent", "seeds", "evaluations", "search %", "test %", "seconds", title=record["task"])
    for name, runs in record["runs"].items():
        cells = [name, str(len(runs)), str(max(run["evaluations"] for run in runs.values()))]
        for key, scale in (("search_accuracy", 100), ("test_accuracy", 100), ("seconds", 1)):
            values = [scale * run[key] for run in runs.values()]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            cells.append(f"{statistics.mean(values):.2f} +- {spread:.2f}")
        shown.add_row(*cells)
    return shown


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--evaluations", type=int)
    accepted.add_argument("--agents", nargs="*", default=list(AGENTS), choices=list(AGENTS))
    options = accepted.parse_args()
    job = job_of(options, *([f"search.evaluations={options.evaluations}"] if options.evaluations else []))
    ready, splits = prepared(job)
    path = RESULTS / f"search_{options.task}.json"
    torch.set_num_threads(options.threads)
    identity = {
        "repair": repr(job.repair),
        "ranking": repr(job.ranking),
        "problem": repr(job.problem),
        "judging": ready.scorer.identity,
        "evaluations": job.search.evaluations,
        "model": ready.fingerprint,
    }
    record = stored(path, identity) or {"task": options.task, "identity": identity, "runs": {}}
    record |= {
        "versions": versions(),
        "device": device_name(job.torch_device()),
        "threads": torch.get_num_threads(),
        "budgets": {reading.name: reading.limit / reading.dense for reading in ready.dense},
        "dense": {
            "search_accuracy": ready.dense_score.accuracy,
            "test_accuracy": score(ready.task.model, splits.test).accuracy,
        },
    }
    console = Console()
    for seed in range(options.seeds):
        for name in options.agents:
            spec = repr(AGENTS[name])
            runs = record["runs"].setdefault(name, {})
            if name == "uniform" and seed > 0:
                continue
            if runs.get(str(seed), {}).get("agent") != spec:
                done = {**row(ready, splits, *one(ready, job, name, seed)), "agent": spec}
                record = stored(path, identity) or record
                record["runs"].setdefault(name, {})[str(seed)] = done
                record["runs"] = {known: record["runs"][known] for known in AGENTS if known in record["runs"]}
                replace({path: json.dumps(record, indent=1) + "\n"})
                console.print(f"{name} seed {seed}: {done['search_accuracy']:.4f} {done['test_accuracy']:.4f}")
    console.print(table(record))


if __name__ == "__main__":
    main()
