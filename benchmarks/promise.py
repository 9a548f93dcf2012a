"""What of the best candidates of a search, as judged in it, tells how good they are on new images.

    python benchmarks/promise.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors
    python benchmarks/promise.py --task resnet20 ... --reward accuracy

A search ends with many candidates that are nearly as good as the best. They are repaired as the returned network is,
and Spearman correlations are taken between what the search saw of them, or could have seen on the first four
thousand training images (to which the final repair is fitted, too), and how good they are on the test split. The test
split is looked at to learn what a search can promise, not in any search. Writes
benchmarks/results/promise_<task>_<reward>.json.
"""

import json
from typing import Any

import torch
from measure.entry import Entry
from measure.record import RESULTS, environment, replace
from measure.task import job_of, parser
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr
from search import one, prepared
from torch import Tensor

from cpruner.agent import WarmUp, ppo_lagrangian
from cpruner.command import Job
from cpruner.data import Batches
from cpruner.env import Judgement
from cpruner.evaluate import REWARDS, score, worth
from cpruner.prepared import Prepared
from cpruner.search import Assistant

HALF = "constraint=[flops]"
FINISHED = "loss after the final repair"
MORE, IMAGES = "loss after the final repair, on training images", 4000
TESTED = ("test_accuracy", "test_loss")


def entry(reward: str) -> Entry:
    """Who searches."""
    return Entry(ppo_lagrangian(), WarmUp(), Assistant(), posed={"reward": reward})


def best(found: list[Judgement], count: int, reward: str) -> list[Judgement]:
    """The feasible candidates with the highest reward, each once."""
    distinct = {judgement.candidate: judgement for judgement in found if judgement.feasible}
    return sorted(distinct.values(), key=lambda judgement: worth(judgement.score, reward) or 0.0, reverse=True)[:count]


def some(batches: Batches, images: int) -> list[tuple[Tensor, Tensor]]:
    """The first batches, until they have so many images."""
    taken: list[tuple[Tensor, Tensor]] = []
    for inputs, labels in batches:
        if sum(len(known) for _, known in taken) >= images:
            break
        taken.append((inputs, labels))
    return taken


def rows(ready: Prepared, splits: Any, chosen: list[Judgement]) -> list[dict[str, float]]:
    """What the search saw of every candidate, and how good it is on the test split."""
    made, more = [], some(splits.train_eval, IMAGES)
    for judgement in track(chosen, "candidates"):
        seen = {name: value for name in REWARDS if (value := worth(judgement.score, name)) is not None}
        network = ready.finish(judgement.candidate)
        tested = score(network, splits.test)
        seen[FINISHED] = -score(network, splits.search).loss
        seen[MORE] = -score(network, more).loss
        made.append(seen | {"test_accuracy": tested.accuracy, "test_loss": -tested.loss})
    return made


def correlations(found: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Spearman's rank correlation of every measure with accuracy and minus loss on the test split."""
    measures = [name for name in (*REWARDS, FINISHED, MORE) if all(name in row for row in found)]
    return {
        name: {what: float(spearmanr([row[name] for row in found], [row[what] for row in found])[0]) for what in TESTED}
        for name in measures
    }


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--candidates", type=int, default=24)
    accepted.add_argument("--reward", choices=tuple(REWARDS), default="log_loss", help="what the search is paid")
    options = accepted.parse_args()
    job: Job = job_of(options, HALF)
    torch.set_num_threads(options.threads)
    ready, splits = prepared(job)
    pooled: list[dict[str, float]] = []
    for seed in range(options.seeds):
        found, _ = one(ready, job, entry(options.reward), seed)
        pooled += rows(ready, splits, best(list(found.archive), options.candidates, options.reward))
    spread = {what: [min(row[what] for row in pooled), max(row[what] for row in pooled)] for what in TESTED}
    told = {"task": options.task, "entry": repr(entry(options.reward)), **environment()}
    record = {**told, "rows": pooled, "range": spread, "spearman": correlations(pooled)}
    replace({RESULTS / f"promise_{options.task}_{options.reward}.json": json.dumps(record, indent=1) + "\n"})
    shown = Table("seen in the search", *(f"Spearman with {what}" for what in TESTED), title=options.task)
    for name, values in correlations(pooled).items():
        shown.add_row(name, *(f"{values[what]:.2f}" for what in TESTED))
    Console().print(shown)


if __name__ == "__main__":
    main()
