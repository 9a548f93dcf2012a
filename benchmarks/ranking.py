"""What a ranking is worth: one uniform candidate at half the FLOPs, its channels chosen by every criterion.

    python benchmarks/ranking.py                                   # the default network on digits
    python benchmarks/ranking.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

All candidates have the same widths; only which channels they keep differs. Each is refitted in three ways (none: as
cut; static; sequential) and not fine-tuned. Every seed draws other training images for statistics and gradients, and
other random orders. Prints test accuracy (median and range over the seeds) and the seconds it takes to rank, for
elimination without those of the statistics, which repair needs in any case, and writes
benchmarks/results/ranking_<task>.json.
"""

import dataclasses
import json
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from measure.record import RESULTS, environment, replace
from measure.task import held, job_of, parser
from repair import HALF, halved, prepared
from rich.console import Console
from rich.progress import track
from rich.table import Table

from cpruner.command import Job, dense_network
from cpruner.data import Splits
from cpruner.evaluate import score
from cpruner.prepared import Prepared
from cpruner.ranking import CRITERIA, Evidence, rank
from cpruner.report import device_name

MODES = ("none", "static", "sequential")
MEASURED = ("search_accuracy", "test_accuracy")


def rows(
    ready: Prepared, job: Job, splits: Splits, seed: int, criteria: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every criterion on one draw of the training images."""
    widths = halved(ready, job).widths
    for name in criteria:
        spec = dataclasses.replace(job.ranking, criterion=name, seed=seed)
        images = held(ready.task.statistics).reseeded(seed)
        start = time.perf_counter()
        order = rank(Evidence(ready.task.model, ready.space, images, ready.statistics, spec))
        seconds = time.perf_counter() - start
        candidate = ready.space.ranked(order).best(widths)
        row: dict[str, Any] = {"seconds": seconds, "widths": list(widths)}
        for mode in MODES:
            network = ready.build(candidate, mode)
            accuracies = (score(network, split).accuracy for split in (splits.search, splits.test))
            row[mode] = dict(zip(MEASURED, accuracies, strict=True))
        yield name, row


def summary(runs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Median, smallest and largest value over the seeds: of the seconds, and of the accuracies by mode."""

    def over(values: Sequence[float]) -> dict[str, float]:
        return {"median": statistics.median(values), "low": min(values), "high": max(values)}

    accuracies = {mode: {key: over([run[mode][key] for run in runs.values()]) for key in MEASURED} for mode in MODES}
    return {"seconds": over([run["seconds"] for run in runs.values()]), **accuracies}


def table(record: Mapping[str, Any]) -> Table:
    """One row per criterion, one column per mode."""
    title = f"{record['task']}, uniform, half the FLOPs: test %"
    shown = Table("criterion", *MODES, "seconds to rank", title=title)
    for name, criterion in record["criteria"].items():
        found = criterion["summary"]
        cells = [(100, found[mode]["test_accuracy"], 1) for mode in MODES] + [(1, found["seconds"], 2)]
        texts = [[f"{scale * values[way]:.{d}f}" for way in ("median", "low", "high")] for scale, values, d in cells]
        shown.add_row(name, *(f"{median} ({low} .. {high})" for median, low, high in texts))
    return shown


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--criteria", nargs="*", default=list(CRITERIA), choices=list(CRITERIA))
    options = accepted.parse_args()
    job = job_of(options, HALF)
    torch.set_num_threads(options.threads)
    splits = job.data.load(job.seed)
    model = dense_network(job, splits, job.torch_device())
    criteria: dict[str, dict[str, Any]] = {name: {"runs": {}} for name in options.criteria}
    console = Console()
    for seed in track(range(options.seeds), "seeds", console=console, disable=not console.is_terminal):
        ready = prepared(job, model, splits, seed)
        for name, row in rows(ready, job, splits, seed, options.criteria):
            criteria[name]["runs"][str(seed)] = row
    record = {
        "task": options.task,
        "candidate": "uniform",
        "budgets": {reading.name: reading.limit / reading.dense for reading in ready.dense},
        "identity": {"ranking": repr(job.ranking), "repair": repr(job.repair), "model": ready.fingerprint},
        **environment(),
        "device": device_name(job.torch_device()),
        "dense": {
            "search_accuracy": ready.dense_score.accuracy,
            "test_accuracy": score(model, splits.test).accuracy,
        },
        "criteria": {name: {**found, "summary": summary(found["runs"])} for name, found in criteria.items()},
    }
    replace({RESULTS / f"ranking_{options.task}.json": json.dumps(record, indent=1) + "\n"})
    console.print(table(record))


if __name__ == "__main__":
    main()
