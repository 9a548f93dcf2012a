"""Which reward predicts the accuracy after fine-tuning: images x metric x repair, over random candidates on a budget.

    python benchmarks/reward.py                                   # the default network on digits
    python benchmarks/reward.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

Random keep ratios are scaled onto half the FLOPs. Every candidate is repaired in every way and judged on the first 100,
250, 500 and 1,000 search images (stratified, docs/judging.md) by accuracy, cross-entropy and divergence from the dense
network. Then the candidate, repaired as the task says, is fine-tuned for a few epochs on a part of the training images
(the last state counts, nothing is chosen) and scored on the test split. Prints Spearman's correlation of every reward
with that accuracy, with 95 % bootstrap intervals, and writes benchmarks/results/reward_<task>.json and .md. An
interrupted run continues: finished candidates are not repeated; --candidates makes a finished one longer.
"""

import argparse
import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from measure.correlation import spearman, summary
from measure.drawing import answers, drawn, prefixes
from measure.record import RESULTS, environment, replace
from measure.task import held, job_of, parser
from repair import HALF, MODES
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import nn

from cpruner.command import Job, dense_network
from cpruner.data import Splits, TensorBatches
from cpruner.evaluate import score
from cpruner.finetune import FineTune
from cpruner.finetune.trainer import Trainer
from cpruner.prepare import prepare
from cpruner.prepared import Prepared, Task

COUNTS = (100, 250, 500, 1000)
FAST = ("data.eval_batch_size=65", "finetune.amp=true")  # what CPUs like; overrides have the last word
METRICS = {"accuracy": 1, "loss": -1, "divergence": -1}  # with the sign of the reward
FLATTERED = (
    "The search split flatters: the published weights were trained on it, so the dense network errs on 1 % only."
)
NOTES = {"resnet20": FLATTERED, "resnet56": FLATTERED}


def tuned(ready: Prepared, network: nn.Module, splits: Splits, spec: FineTune, images: int) -> nn.Module:
    """Train in place on the first ``images`` training images; the last state counts."""
    few = first(splits, images)
    trainer = Trainer(network, ready.task.model, spec, next(network.parameters()).device)
    with torch.random.fork_rng():
        torch.manual_seed(0)  # dropout
        for epoch in range(spec.epochs):
            trainer.train(few, epoch, len(few))
    return network.eval()


def first(splits: Splits, images: int) -> TensorBatches:
    """A part of the training split, shuffled and augmented from seed 0 on."""
    whole = held(splits.train)
    return dataclasses.replace(whole, images=whole.images[:images], labels=whole.labels[:images]).reseeded(0)


def row(ready: Prepared, job: Job, splits: Splits, index: int, options: argparse.Namespace) -> dict[str, Any]:
    """One candidate: every reward, and what fine-tuning made of it."""
    candidate = drawn(ready.env(job.problem), job.seed, index)
    scores, seconds = {}, {}
    for name in MODES:
        start = time.perf_counter()
        network = ready.build(candidate, name)
        middle = time.perf_counter()
        logits_NK = answers(ready.scorer, network)
        seconds[name] = {"repair": middle - start, "forward": time.perf_counter() - middle}
        counts = sorted({min(count, ready.scorer.images.total) for count in COUNTS})
        scores[name] = {
            str(count): {metric: getattr(found, metric) for metric in METRICS}
            for count, found in prefixes(ready.scorer, logits_NK, counts).items()
        }
    start = time.perf_counter()
    network = ready.build(candidate)
    before = score(network, splits.test).accuracy
    after = score(tuned(ready, network, splits, spec_of(job, options), options.train_images), splits.test).accuracy
    return {
        "candidate": index,
        "widths": list(candidate.widths),
        "scores": scores,
        "repaired_test_accuracy": before,
        "tuned_test_accuracy": after,
        "seconds": {**seconds, "tune": time.perf_counter() - start},
    }


def spec_of(job: Job, options: argparse.Namespace) -> FineTune:
    """The short fine-tune, with the distillation of the pipeline."""
    return dataclasses.replace(job.finetune, epochs=options.epochs, lr=options.lr, warmup_epochs=0, patience=None)


def correlations(rows: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every variant of the reward against the accuracy after fine-tuning."""
    tuned_C = [found["tuned_test_accuracy"] for found in rows]
    for repair in MODES:
        for metric, sign in METRICS.items():
            for count in rows[0]["scores"][repair]:
                reward_C = [sign * found["scores"][repair][count][metric] for found in rows]
                yield {
                    "repair": repair,
                    "metric": metric,
                    "images": int(count),
                    "spearman": spearman(reward_C, tuned_C),
                }


def stored(path: Path, identity: dict[str, Any]) -> list[dict[str, Any]]:
    """Finished candidates of this very benchmark."""
    record = json.loads(path.read_text()) if path.is_file() else {}
    return list(record["rows"]) if record.get("identity") == identity else []


def cells(record: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and lines of the table: repair and metric by images."""
    counts = sorted({found["images"] for found in record["correlations"]})
    lines: dict[tuple[str, str], list[str]] = {}
    for found in record["correlations"]:
        lines.setdefault((found["repair"], found["metric"]), []).append(summary(found["spearman"]))
    header = ["repair", "metric", *(f"{count} images" for count in counts)]
    return header, [[*name, *values] for name, values in lines.items()]


def page(record: dict[str, Any]) -> str:
    """The table for readers."""
    header, lines = cells(record)
    tuned_C = [found["tuned_test_accuracy"] for found in record["rows"]]
    low, high = min(tuned_C), max(tuned_C)
    text = [
        f"# Rewards against accuracy after fine-tuning: {record['task']}",
        "",
        f"Spearman's correlation (95 % bootstrap interval) over {len(tuned_C)} random candidates at half the FLOPs, "
        f"{low:.2%} to {high:.2%} on the test split after fine-tuning ({record['identity']['finetune']}, "
        f"{record['identity']['train_images']} training images). Made by `{record['environment']['command']}` on "
        f"{record['environment']['device']}. {NOTES.get(record['task'], '')}",
        "",
        f"| {' | '.join(header)} |",
        f"|{'---|' * len(header)}",
        *(f"| {' | '.join(line)} |" for line in lines),
    ]
    return "\n".join(text) + "\n"


def table(record: dict[str, Any]) -> Table:
    """The same on a terminal."""
    header, lines = cells(record)
    shown = Table(*header, title=f"{record['task']}, {len(record['rows'])} candidates")
    for line in lines:
        shown.add_row(*line)
    return shown


def accepted() -> argparse.ArgumentParser:
    found = parser(__doc__)
    found.add_argument("--candidates", type=int, default=30)
    found.add_argument("--epochs", type=int, default=2, help="of fine-tuning")
    found.add_argument("--train-images", type=int, default=5000, help="training images of fine-tuning")
    found.add_argument("--lr", type=float, default=0.005, help="highest learning rate of fine-tuning")
    return found


def main() -> None:
    options = accepted().parse_args()
    job = job_of(options, HALF, *FAST)
    torch.set_num_threads(options.threads)
    splits = job.data.load(job.seed)
    model = dense_network(job, splits, job.torch_device())
    example = splits.example.to(job.torch_device())
    task = Task(model, example, splits.train, splits.search, job.budgets, splits.train_eval)
    ready = prepare(task, job.repair, job.space, job.ranking, job.judging)
    identity = {
        "model": ready.fingerprint,
        "repair": repr(job.repair),
        "judging": ready.scorer.identity,
        "problem": repr(job.problem),
        "budgets": {reading.name: reading.limit / reading.dense for reading in ready.dense},
        "finetune": repr(spec_of(job, options)),
        "train_images": options.train_images,
        "seed": job.seed,
    }
    path, console = RESULTS / f"reward_{options.task}.json", Console()
    rows = stored(path, identity)
    for index in track(range(len(rows), options.candidates), "candidates", console=console, transient=True):
        rows.append(row(ready, job, splits, index, options))
        record = {
            "task": options.task,
            "identity": identity,
            "environment": environment(),
            "correlations": list(correlations(rows)),
            "rows": rows,
        }
        replace({path: json.dumps(record, indent=1) + "\n", path.with_suffix(".md"): page(record)})
    console.print(table(json.loads(path.read_text())))


if __name__ == "__main__":
    main()
