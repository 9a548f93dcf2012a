"""What judging costs and how sure it is: numerics, order of the images, abandoning.

    python benchmarks/judging.py                                  # the default network on digits
    python benchmarks/judging.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

Random candidates at half the FLOPs, repaired as the task says, answer the whole search split once, plainly and as
``judging.mode=measured`` chooses on the dense network. From these answers follow: by how much the choice moves the
scores; how far the accuracy on the first images is from that on all, in random order (exact) and stratified (mean over
seeds); what a search that abandons would have saved, and lost, with candidates in random order. Prints the tables and
writes benchmarks/results/judging_<task>.json and .md.
"""

import dataclasses
import json
import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from measure.correlation import spearman
from measure.drawing import answers, drawn
from measure.record import RESULTS, environment, replace
from measure.task import job_of, parser
from numpy.typing import NDArray
from repair import HALF
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track
from torch import nn

from cpruner.command import Job, dense_network
from cpruner.data import Splits
from cpruner.evaluate import Judging, Numerics, Scorer
from cpruner.evaluate.bound import Bound
from cpruner.evaluate.evaluation_set import Gathered
from cpruner.evaluate.order import margins, stratified_order
from cpruner.prepare import prepare
from cpruner.prepared import Prepared, Task

COUNTS = (50, 100, 250, 500)
MARGINS = (0.0, 0.02, 0.05, 0.1)
SHUFFLES = 40
LOOK = 50  # images between two looks

Right = NDArray[np.bool_]


def judged(ready: Prepared, job: Job, ways: dict[str, Numerics], count: int) -> Iterator[dict[str, Any]]:
    """Answers of every candidate, way by way, with the seconds they took."""
    env, plain = ready.env(job.problem), ready.scorer
    for index in range(count):
        start = time.perf_counter()
        network = ready.build(drawn(env, job.seed, index))
        found: dict[str, Any] = {"build": time.perf_counter() - start}
        for name, way in ways.items():
            start = time.perf_counter()
            logits_NK = answers(_with(plain, way), network)
            found[name] = {"seconds": time.perf_counter() - start, "logits_NK": logits_NK.float()}
        yield found


def _with(scorer: Scorer, way: Numerics) -> Scorer:
    return dataclasses.replace(scorer, judging=dataclasses.replace(scorer.judging, **dataclasses.asdict(way)))


def moved(found: Sequence[dict[str, Any]], name: str, labels_N: torch.Tensor) -> dict[str, float | None]:
    """Seconds of a way, and by how much the accuracies differ from those of the plain way."""
    accuracy = {
        way: [float((one[way]["logits_NK"].argmax(1) == labels_N).double().mean()) for one in found]
        for way in ("plain", name)
    }
    difference_C = np.abs(np.subtract(accuracy[name], accuracy["plain"]))
    same = spearman(accuracy[name], accuracy["plain"])
    return {
        "median_seconds": float(np.median([one[name]["seconds"] for one in found])),
        "mean_difference": float(difference_C.mean()),
        "largest_difference": float(difference_C.max()),
        "spearman": None if same is None else same["rho"],
    }


def spread(right_CN: Right, images: Gathered) -> dict[str, dict[str, float]]:
    """Root mean square error of the accuracy on the first images over candidates, by order."""
    margin_N, labels_N = margins(images.dense_NK, images.labels_N).double().numpy(), images.labels_N.numpy()
    orders = [stratified_order(labels_N, margin_N, np.random.default_rng(seed)) for seed in range(SHUFFLES)]
    accuracy_C, total = right_CN.mean(1), right_CN.shape[1]
    found = {}
    for count in (count for count in COUNTS if count < total):
        random = accuracy_C * (1 - accuracy_C) / count * (total - count) / (total - 1)
        error = np.mean([(right_CN[:, order[:count]].mean(1) - accuracy_C) ** 2 for order in orders])
        found[str(count)] = {"random": math.sqrt(random.mean()), "stratified": math.sqrt(error)}
    return found


def abandoned(right_CN: Right, margin: float, confidence: float = Judging().confidence) -> dict[str, float]:
    """What a search would have saved and lost that takes the candidates one after the other.

    ``lost`` are candidates within the margin of the best so far, or better, that were abandoned all the same.
    """
    total = right_CN.shape[1]
    bound = Bound(total, math.ceil(total / LOOK) - 1, margin, confidence)
    used, errors, lost = [], [], 0
    for seed in range(SHUFFLES):
        best = None
        for right_N in np.random.default_rng(seed).permutation(right_CN):
            seen = total if best is None else _seen(right_N, bound, best)
            used.append(seen / total)
            if seen < total:
                errors.append(right_N[:seen].mean() - right_N.mean())
                lost += int(best is not None and right_N.mean() >= best - margin)
            else:
                best = right_N.mean() if best is None else max(best, right_N.mean())
    return {
        "images_used": float(np.mean(used)),
        "abandoned": len(errors) / len(used),
        "bias_of_estimate": float(np.mean(errors)) if errors else 0.0,
        "error_of_estimate": float(np.sqrt(np.mean(np.square(errors)))) if errors else 0.0,
        "lost": lost / len(used),
    }


def _seen(right_N: Right, bound: Bound, best: float) -> int:
    looks = range(LOOK, len(right_N), LOOK)
    return next((n for n in looks if bound.hopeless(int(right_N[:n].sum()), n, best)), len(right_N))


def page(record: dict[str, Any]) -> str:
    """The tables for readers."""
    ways, order, saved = record["ways"], record["order"], record["abandon"]
    trials = [
        f"| {one['precision']} | {one['channels_last']} | {one['batch_size']} | {1000 * one['seconds']:.0f} | "
        f"{one['agreement']:.2%} | {one['difference']:.1e} |"
        for one in record["trials"]
    ]
    return "\n".join(
        [
            f"# Judging: {record['task']}",
            "",
            f"{record['candidates']} random candidates at half the FLOPs, {record['images']} search images; "
            f"building one takes {record['build_seconds']:.2f} s (median). Made by "
            f"`{record['environment']['command']}` on {record['environment']['device']}, "
            f"{record['environment']['threads']} thread(s).",
            "",
            "## One pass of the dense network",
            "",
            "| precision | channels last | batch | ms | same answer | mean difference of probabilities |",
            "|---|---|---|---|---|---|",
            *trials,
            "",
            "## Candidates",
            "",
            "| way | s per candidate | accuracy moves by (mean, most) | Spearman with plain |",
            "|---|---|---|---|",
            *(
                f"| {name} | {way['median_seconds']:.2f} | {way['mean_difference']:.2%}, "
                f"{way['largest_difference']:.2%} | {way['spearman'] or 0:.3f} |"
                for name, way in ways.items()
            ),
            "",
            "## Error of the accuracy on the first images (root mean square)",
            "",
            "| images | random order | stratified | variance left |",
            "|---|---|---|---|",
            *(
                f"| {count} | {one['random']:.2%} | {one['stratified']:.2%} | "
                f"{(one['stratified'] / max(one['random'], 1e-12)) ** 2:.0%} |"
                for count, one in order.items()
            ),
            "",
            "## Abandoning",
            "",
            "| margin | images used | abandoned | lost | estimate: bias, error |",
            "|---|---|---|---|---|",
            *(
                f"| {margin} | {one['images_used']:.0%} | {one['abandoned']:.0%} | {one['lost']:.2%} | "
                f"{one['bias_of_estimate']:+.2%}, {one['error_of_estimate']:.2%} |"
                for margin, one in saved.items()
            ),
            "",
        ]
    )


def prepared(job: Job, model: nn.Module, splits: Splits) -> Prepared:
    """The task, with numerics measured."""
    example = splits.example.to(job.torch_device())
    task = Task(model, example, splits.train, splits.search, job.budgets, splits.train_eval)
    return prepare(task, job.repair, job.space, job.ranking, dataclasses.replace(job.judging, mode="measured"))


def _flat(trial: dict[str, Any]) -> dict[str, Any]:
    return {**trial.pop("numerics"), **trial}


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--candidates", type=int, default=30)
    options = accepted.parse_args()
    job, console = job_of(options, HALF), Console()
    torch.set_num_threads(options.threads)
    splits = job.data.load(job.seed)
    ready = prepared(job, dense_network(job, splits, job.torch_device()), splits)
    images = ready.scorer.images
    assert isinstance(images, Gathered)  # noqa: S101 - those of the tasks fit
    plain = Numerics(ready.scorer.trials[0].numerics.batch_size)
    ways = {"as loaded": Numerics(500), "plain": plain, "measured": ready.scorer.numerics}
    found = list(track(judged(ready, job, ways, options.candidates), "candidates", options.candidates, console=console))
    right_CN = np.stack([(one["plain"]["logits_NK"].argmax(1) == images.labels_N).numpy() for one in found])
    record = {
        "task": options.task,
        "environment": environment(),
        "repair": repr(job.repair),
        "candidates": len(found),
        "images": images.total,
        "build_seconds": float(np.median([one["build"] for one in found])),
        "trials": [_flat(dataclasses.asdict(one)) for one in ready.scorer.trials],
        "ways": {name: moved(found, name, images.labels_N) for name in ways},
        "order": spread(right_CN, images),
        "abandon": {str(margin): abandoned(right_CN, margin) for margin in MARGINS},
        "accuracies": right_CN.mean(1).tolist(),
    }
    path = RESULTS / f"judging_{options.task}.json"
    replace({path: json.dumps(record, indent=1) + "\n", path.with_suffix(".md"): page(record)})
    console.print(Markdown(page(record)))


if __name__ == "__main__":
    main()
