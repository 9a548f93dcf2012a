"""What of the best candidates of a search, as judged in it, tells how good they are on new images.

    python benchmarks/promise.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

A search paid by accuracy on the search split ends with many candidates of nearly the same accuracy there. They are
repaired as the returned network is, and Spearman correlations are taken between what the search saw of them and their
accuracy on the test split. The test split is looked at to choose a default of the package, once, not in any search.
Writes benchmarks/results/promise_<task>.json.
"""

import json
from typing import Any

import numpy as np
import torch
from measure.entry import Entry
from measure.record import RESULTS, environment, replace
from measure.task import job_of, parser
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr
from search import one, prepared

from cpruner.agent import WarmUp, ppo_lagrangian
from cpruner.command import Job
from cpruner.env import Judgement
from cpruner.evaluate import REWARDS, score, worth
from cpruner.prepared import Prepared
from cpruner.search import Assistant

HALF = "constraint=[flops]"
ENTRY = Entry(ppo_lagrangian(), WarmUp(), Assistant(), posed={"reward": "accuracy"})


def best(found: list[Judgement], count: int) -> list[Judgement]:
    """The feasible candidates with the highest search accuracy, each once."""
    distinct = {judgement.candidate: judgement for judgement in found if judgement.feasible}
    return sorted(distinct.values(), key=lambda judgement: judgement.score.accuracy, reverse=True)[:count]


def rows(ready: Prepared, splits: Any, chosen: list[Judgement]) -> list[dict[str, float]]:
    """What the search saw of every candidate, and how good it is on the test split."""
    made = []
    for judgement in track(chosen, "candidates"):
        seen = {name: value for name in REWARDS if (value := worth(judgement.score, name)) is not None}
        made.append(seen | {"test_accuracy": score(ready.finish(judgement.candidate), splits.test).accuracy})
    return made


def correlations(found: list[dict[str, float]]) -> dict[str, float]:
    """Spearman's rank correlation of every measure with the accuracy on the test split."""
    test_N = np.array([row["test_accuracy"] for row in found])
    measures = [name for name in REWARDS if all(name in row for row in found)]
    return {name: float(spearmanr([row[name] for row in found], test_N).statistic) for name in measures}


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--candidates", type=int, default=24)
    options = accepted.parse_args()
    job: Job = job_of(options, HALF)
    torch.set_num_threads(options.threads)
    ready, splits = prepared(job)
    pooled: list[dict[str, float]] = []
    for seed in range(options.seeds):
        found, _ = one(ready, job, ENTRY, seed)
        pooled += rows(ready, splits, best(list(found.archive), options.candidates))
    record = {"task": options.task, **environment(), "rows": pooled, "spearman": correlations(pooled)}
    replace({RESULTS / f"promise_{options.task}.json": json.dumps(record, indent=1) + "\n"})
    shown = Table("seen in the search", "Spearman with test accuracy", title=options.task)
    for name, value in record["spearman"].items():
        shown.add_row(name, f"{value:.2f}")
    Console().print(shown)


if __name__ == "__main__":
    main()
