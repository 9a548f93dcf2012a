"""One search for several budgets, drawn per episode, against a search for each: as many evaluations in all.

    python benchmarks/front.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

The search for all of them plays every episode for a budget between the widest and the tightest one. For every budget
the candidate with the lowest search loss within it is repaired and read on the test split, once. The third column of
numbers is what the policy itself decides for each budget when the search is over, judged once. Writes
benchmarks/results/front_<task>.json; finished seeds are not repeated.
"""

import argparse
import json
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import replace as changed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from measure.entry import ENTRIES, Entry
from measure.record import RESULTS, environment, replace
from measure.standing import cell
from measure.task import job_of, parser
from rich.console import Console
from rich.table import Table
from search import one, prepared

from cpruner.command import Job
from cpruner.env import Judgement
from cpruner.evaluate import score
from cpruner.prepared import Prepared
from cpruner.search import Checkpoint, best_feasible, play

WAYS = ("one search", "a search each", "the policy's own")
WHAT = ("loss", "test %")
FLOPS = "constraint=[flops]"


def within(archive: Iterable[Judgement], limit: float) -> Judgement | None:
    """The candidate with the lowest search loss that costs at most ``limit`` of the dense network."""
    return best_feasible([found for found in archive if found.readings[0].value <= limit * found.readings[0].dense])


def kept(ready: Prepared, splits: Any, found: Judgement | None) -> dict[str, float] | None:
    """What is written down of a candidate; None where there is none."""
    if found is None:
        return None
    reading = found.readings[0]
    return {
        "search_loss": found.score.loss,
        "test_accuracy": score(ready.finish(found.candidate), splits.test).accuracy,
        "cost": reading.value / reading.dense,
    }


def together(ready: Prepared, job: Job, entry: Entry, seed: int, limits: Sequence[float]) -> dict[str, list[Any]]:
    """Judgements of one search for all limits, the widest of which is the budget: the best, and the policy's own."""
    drawn = changed(entry, posed={**entry.posed, "tightest": min(limits) / max(limits)})
    with TemporaryDirectory() as folder:
        found, _ = one(ready, job, drawn, seed, run_dir=Path(folder))
        state = Checkpoint.load(Path(folder) / "search" / "agent.pt", {}, lambda record: record).agent
    env = ready.env(drawn.problem(job.problem))
    agent = drawn.agent.build(env.problem, seed)
    agent.load_state_dict(state)
    own = []
    for limit in limits:
        play(env, agent, options={"share": limit / max(limits)}, deterministic=True)
        own.append(env.judged)
    return {WAYS[0]: [within(found.archive, limit) for limit in limits], WAYS[2]: own}


def compared(options: argparse.Namespace, seed: int) -> dict[str, dict[str, Any]]:
    """One seed of both ways: limit, way, numbers."""
    entry, limits = ENTRIES[options.entry], sorted(options.limits, reverse=True)
    jobs = [job_of(options, FLOPS, f"constraint.flops.limit={limit}") for limit in limits]
    ready, splits = prepared(jobs[0])
    job = changed(jobs[0], search=changed(jobs[0].search, evaluations=options.evaluations))
    found = together(ready, job, entry, seed, limits)
    rows = {way: [kept(ready, splits, judgement) for judgement in judged] for way, judged in found.items()}
    rows[WAYS[1]] = []
    for limit, alone in zip(limits, jobs, strict=True):
        ready, splits = prepared(alone)
        share = changed(alone, search=changed(alone.search, evaluations=options.evaluations // len(limits)))
        rows[WAYS[1]].append(kept(ready, splits, within(one(ready, share, entry, seed)[0].archive, limit)))
    return {str(limit): {way: rows[way][at] for way in WAYS} for at, limit in enumerate(limits)}


def cells(record: dict[str, Any], limit: str) -> list[str]:
    """Search loss and test accuracy of every way."""
    shown = []
    for way in WAYS:
        found = [seed[limit][way] for seed in record["seeds"].values() if seed[limit][way] is not None]
        numbers = ([row["search_loss"] for row in found], [100 * row["test_accuracy"] for row in found])
        shown += [cell(values, 3 - place) for place, values in enumerate(numbers)]
    return shown


def table(record: dict[str, Any]) -> Table:
    """The numbers by limit."""
    shown = Table("FLOPs at most", *(f"{way}: {what}" for way in WAYS for what in WHAT), title=record["task"])
    for limit in map(str, record["limits"]):
        shown.add_row(limit, *cells(record, limit))
    return shown


def markdown(records: Sequence[tuple[str, dict[str, Any]]]) -> str:
    """The same as a table of a page."""
    heads = ["network", "FLOPs at most", "seeds", *(f"{way}: {what}" for way in WAYS for what in WHAT)]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for task, record in records:
        seeds = str(len(record["seeds"]))
        for limit in map(str, record["limits"]):
            lines.append(f"| {' | '.join([task, limit, seeds, *cells(record, limit)])} |")
    return "\n".join(lines)


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--limits", type=float, nargs="+", default=[0.5, 0.4, 0.3], help="shares of the dense FLOPs")
    accepted.add_argument("--evaluations", type=int, default=210, help="of one search for all, and of all for each")
    accepted.add_argument("--entry", default="ppo_lagrangian, warm-up, assistant", choices=list(ENTRIES))
    options = accepted.parse_args()
    torch.set_num_threads(options.threads)
    path = RESULTS / f"front_{options.task}.json"
    identity = {
        "entry": repr(ENTRIES[options.entry]),
        "limits": sorted(options.limits, reverse=True),
        "evaluations": options.evaluations,
    }
    known = json.loads(path.read_text()) if path.is_file() else {}
    done = known["seeds"] if {key: known.get(key) for key in identity} == identity else {}
    for seed in map(str, range(options.seeds)):
        if seed not in done:
            done[seed] = compared(options, int(seed))
            record = {"task": options.task} | environment() | identity | {"seeds": done}
            replace({path: json.dumps(record, indent=1) + "\n"})
    record = json.loads(path.read_text())
    Console().print(table(record))
    first = [seed[str(limit)] for seed in record["seeds"].values() for limit in record["limits"]]
    gains = [row[WAYS[1]]["search_loss"] - row[WAYS[0]]["search_loss"] for row in first if all(row.values())]
    if gains:
        Console().print(f"the one search has a loss lower by {statistics.median(gains):.4f} in the median")


if __name__ == "__main__":
    main()
