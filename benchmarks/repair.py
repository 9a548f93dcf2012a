"""What repair is worth: one uniform candidate at half the FLOPs, refitted in several ways and not fine-tuned.

    python benchmarks/repair.py                                   # the default network on digits
    python benchmarks/repair.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

Modes: none (as cut), recalibrate (batch-norm statistics re-estimated), static and sequential refit; then what is done
once, to the network that is kept: a sequential refit on more images, and a polish of that by gradient steps. Every seed
draws other training images for the activation statistics; which channels are kept depends on them too, how many does
not. Prints one row per mode (median and range over the seeds; milliseconds to cut and refit one candidate) and writes
benchmarks/results/repair_<task>.json. With --once the rows of the modes stay as they were written before.
"""

import dataclasses
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from measure.record import RESULTS, replace
from measure.task import held, job_of, parser
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from cpruner.agent import Uniform
from cpruner.candidate import Candidate
from cpruner.command import Job, dense_network
from cpruner.data import Splits
from cpruner.evaluate import score
from cpruner.prepare import prepare
from cpruner.prepared import Prepared, Task
from cpruner.repair import Repairer, gather, polish
from cpruner.report import device_name, versions
from cpruner.search import search

MODES = ("none", "recalibrate", "static", "sequential")
HALF = "constraint=[flops]"  # its limit is one half
MEASURED = ("search_accuracy", "test_accuracy", "milliseconds")
ONCE = ("final", "polished")
WARM_UP = 1


def prepared(job: Job, model: nn.Module, splits: Splits, seed: int) -> Prepared:
    """The task with statistics for every mode, gathered on images drawn by ``seed``."""
    drawn = dataclasses.replace(held(splits.train_eval), generator=torch.Generator().manual_seed(seed))
    task = Task(
        model, splits.example.to(job.torch_device()), splits.train, splits.search, job.budgets, statistics=drawn
    )
    return prepare(task, dataclasses.replace(job.repair, mode="sequential", seed=seed), job.space, job.ranking)


def halved(ready: Prepared, job: Job) -> Candidate:
    """The largest uniform candidate within the budget."""
    env = ready.env(job.problem)
    return search(env, Uniform().build(env.problem, 0), 1).require().candidate


def milliseconds(ready: Prepared, candidate: Candidate, mode: str, repeats: int) -> list[float]:
    """Time to cut and refit, after a warm-up."""
    taken = []
    for _ in range(WARM_UP + repeats):
        start = time.perf_counter()
        ready.build(candidate, mode)
        taken.append(1000 * (time.perf_counter() - start))
    return taken[WARM_UP:]


def rows(ready: Prepared, job: Job, splits: Splits, repeats: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every mode on one draw of the statistics images."""
    candidate = halved(ready, job)
    for mode in MODES:
        network = ready.build(candidate, mode)
        taken = milliseconds(ready, candidate, mode, repeats)
        yield mode, facts(ready, candidate, network, splits, taken)


def once(
    ready: Prepared, job: Job, splits: Splits, seed: int, images: int, steps: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The same candidate as it would be kept: refitted on more images, then polished."""
    candidate, dense = halved(ready, job), ready.task.model
    spec = dataclasses.replace(job.repair, mode="sequential", images=images, seed=seed)
    drawn = dataclasses.replace(held(splits.train_eval), generator=torch.Generator().manual_seed(seed))
    refit = Repairer(dense, ready.space, gather(dense, drawn, spec), spec)
    start = time.perf_counter()
    network = refit(candidate)
    yield "final", facts(ready, candidate, network, splits, [1000 * (time.perf_counter() - start)])
    start = time.perf_counter()
    network = polish(network, dense, held(splits.train).reseeded(seed), dataclasses.replace(job.polish, steps=steps))
    yield "polished", facts(ready, candidate, network, splits, [1000 * (time.perf_counter() - start)])


def facts(
    ready: Prepared, candidate: Candidate, network: nn.Module, splits: Splits, taken: list[float]
) -> dict[str, Any]:
    """What one way made of the candidate."""
    return {
        "search_accuracy": score(network, splits.search).accuracy,
        "test_accuracy": score(network, splits.test).accuracy,
        "milliseconds": statistics.median(taken),
        "milliseconds_low": min(taken),
        "milliseconds_high": max(taken),
        "widths": list(candidate.widths),
        "flops_of_dense": ready.space.count(candidate).flops / ready.space.count(ready.space.dense()).flops,
    }


def summary(runs: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Median, smallest and largest value over the seeds."""
    ways: dict[str, Callable[[list[float]], float]] = {"median": statistics.median, "low": min, "high": max}
    return {key: {way: of([run[key] for run in runs.values()]) for way, of in ways.items()} for key in MEASURED}


def table(record: dict[str, Any]) -> Table:
    """One row per mode."""
    title = f"{record['task']}, uniform, half the FLOPs"
    shown = Table("repair", "search %", "test %", "ms per candidate", title=title)
    for name, mode in record["modes"].items():
        cells = []
        for key, scale in zip(MEASURED, (100, 100, 1), strict=True):
            median, low, high = (scale * mode["summary"][key][way] for way in ("median", "low", "high"))
            cells.append(f"{median:.1f} ({low:.1f} .. {high:.1f})")
        shown.add_row(name, *cells)
    return shown


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--repeats", type=int, default=10, help="timed refits per mode and seed")
    accepted.add_argument("--final-images", type=int, default=2000, help="images of the refit of what is kept")
    accepted.add_argument(
        "--once", action="store_true", help="anew only what is done once; other rows stay as they are"
    )
    accepted.add_argument("--steps", type=int, default=200, help="gradient steps of the polish")
    options = accepted.parse_args()
    job = job_of(options, HALF)
    torch.set_num_threads(options.threads)
    splits = job.data.load(job.seed)
    model = dense_network(job, splits, job.torch_device())
    modes: dict[str, dict[str, Any]] = {
        mode: {"repair": repr(dataclasses.replace(job.repair, mode=mode)), "runs": {}} for mode in MODES
    }
    final = dataclasses.replace(job.repair, mode="sequential", images=options.final_images)
    polishing = dataclasses.replace(job.polish, steps=options.steps)
    modes |= {"final": {"repair": repr(final), "runs": {}}, "polished": {"polish": repr(polishing), "runs": {}}}
    target, console = RESULTS / f"repair_{options.task}.json", Console()
    if options.once:
        modes |= {name: mode for name, mode in json.loads(target.read_text())["modes"].items() if name in MODES}
    for seed in track(range(options.seeds), "seeds", console=console, disable=not console.is_terminal):
        ready = prepared(job, model, splits, seed)
        after = once(ready, job, splits, seed, options.final_images, options.steps)
        before = () if options.once else rows(ready, job, splits, options.repeats)
        for name, row in itertools.chain(before, after):
            modes[name]["runs"][str(seed)] = row
    record = {
        "task": options.task,
        "candidate": "uniform",
        "budgets": {reading.name: reading.limit / reading.dense for reading in ready.dense},
        "identity": {"repair": repr(job.repair), "ranking": repr(job.ranking), "model": ready.fingerprint},
        "versions": versions(),
        "device": device_name(job.torch_device()),
        "threads": torch.get_num_threads(),
        "repeats": options.repeats,
        "dense": {
            "search_accuracy": ready.dense_score.accuracy,
            "test_accuracy": score(model, splits.test).accuracy,
        },
        "modes": {name: {**mode, "summary": summary(mode["runs"])} for name, mode in modes.items()},
    }
    replace({target: json.dumps(record, indent=1) + "\n"})
    console.print(table(record))


if __name__ == "__main__":
    main()
