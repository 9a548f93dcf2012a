"""What the surrogate knows before anything is judged, after calibration, and what its optimum is worth.

    python benchmarks/surrogate.py                                   # the default network on digits
    python benchmarks/surrogate.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

Random candidates on budgets from 0.3 to 0.7 of the FLOPs are repaired statically and judged on the search split.
Spearman's correlation of the predicted with the judged loss: over all of them, and at half the FLOPs, as it comes
(errors relative to the output variance; by curvature) and calibrated on other candidates, by cross-validation too.
Then the widths with the least predicted loss at half the FLOPs, as it comes, calibrated, and refined
(docs/surrogate.md), and uniform widths (of all groups, and of those inside residual blocks alone), each repaired
statically and sequentially on more images, on the test split. Some of the candidates are fine-tuned for a few epochs.
Writes
benchmarks/results/surrogate_<task>.json; an interrupted run continues.
"""

import dataclasses
import json
import time

import numpy as np
import torch
from measure.judged import TUNING, Bench, Facts, Widths
from measure.record import RESULTS, environment, replace
from measure.task import job_of, parser
from repair import HALF
from rich.console import Console
from rich.progress import track
from rich.table import Table
from scipy.stats import spearmanr

from cpruner.command import dense_network
from cpruner.ranking import descents
from cpruner.surrogate import Calibration, Surrogate, calibrated, knapsack, refine

SHARES = (0.3, 0.4, 0.5, 0.6, 0.7)
HALF_SHARE = 0.5
LOW, HIGH = 0.2, 1.0
FEWEST = 20  # held out for a correlation
PARTS = 10  # of the cross-validation
SPEED = 10_000  # candidates predicted at once


def correlation(made: Surrogate, judged: dict[Widths, float]) -> float:
    """Spearman's, of predicted and judged loss; 0 where all predictions are equal."""
    predicted_N = made.predict(np.array(list(judged)))
    return float(spearmanr(predicted_N, list(judged.values())).statistic) if np.ptp(predicted_N) > 0 else 0.0


def judgements(bench: Bench, each: int, console: Console) -> dict[float, dict[Widths, float]]:
    """Random candidates on every budget, the most on one half."""
    generator, found = np.random.default_rng(0), dict[float, dict[Widths, float]]()
    plan = [(share, number) for share in SHARES for number in range(4 * each if share == HALF_SHARE else each)]
    for place, (share, _) in enumerate(track(plan, "random", console=console, disable=not console.is_terminal)):
        ratios = generator.uniform(LOW, HIGH, len(bench.made.space.groups))
        widths = bench.widths(ratios.tolist(), share)
        found.setdefault(share, {})[widths] = bench.judge(widths)
        if place % 10 == 0:
            save(bench, {})
    return found


def held_out(bench: Bench, judged: dict[Widths, float], count: int) -> Facts:
    """Calibrated on the first ``count`` judgements, correlated with the others."""
    widths, losses = list(judged), list(judged.values())
    made = calibrated(bench.made, np.array(widths[:count]), np.array(losses[:count]))
    rest = dict(zip(widths[count:], losses[count:], strict=True))
    return {"judgements": count, "held_out": len(rest), "spearman": correlation(made, rest)}


def cross_validated(
    bench: Bench, judged: dict[Widths, float], beside: dict[Widths, float], parts: int = PARTS
) -> Facts:
    """Every candidate predicted by a calibration on the other parts and on ``beside``, correlated over all of them."""
    width_NG, loss_N = np.array(list(judged)), np.array(list(judged.values()))
    known_NG = np.array(list(beside), dtype=np.int64).reshape(-1, width_NG.shape[1])
    known_N = np.array(list(beside.values()))
    predicted_N = np.zeros(len(judged))
    for part in range(parts):
        out_N = np.arange(len(judged)) % parts == part
        order = np.random.default_rng(0).permutation(len(known_N) + int((~out_N).sum()))
        width_MG, loss_M = np.concatenate([known_NG, width_NG[~out_N]]), np.concatenate([known_N, loss_N[~out_N]])
        predicted_N[out_N] = calibrated(bench.made, width_MG[order], loss_M[order]).predict(width_NG[out_N])
    used = len(beside) + len(judged) - len(judged) // parts
    return {"judgements": used, "held_out": len(judged), "spearman": float(spearmanr(predicted_N, loss_N).statistic)}


def relative(bench: Bench) -> Surrogate:
    """The surrogate whose errors are relative to the output variance."""
    paths = descents(bench.made.space, bench.ready.statistics, bench.job.ranking.damping)
    error_GW = np.zeros_like(bench.made.error_GW)
    for group, path in enumerate(paths):
        if path is not None:
            error_GW[group, : len(path.error_W)] = path.error_W
    return dataclasses.replace(bench.made, error_GW=error_GW)


def optima(bench: Bench, judged: dict[Widths, float], calibration: int, rounds: int) -> Facts:
    """Widths by the surrogate at half the FLOPs, beside the uniform ones."""
    limits = bench.limits(HALF_SHARE)
    first = dict(list(judged.items())[:calibration])
    made = calibrated(bench.made, np.array(list(first)), np.array(list(first.values())))
    uniform = {
        "uniform": bench.widths([HALF_SHARE] * len(bench.made.space.groups), HALF_SHARE),
        "uniform inside the blocks": bench.inside(HALF_SHARE),
    }
    known = first | {widths: bench.judge(widths) for widths in uniform.values()}
    refined = refine(bench.made, bench.judge, limits, list(known.items()), Calibration(rounds=rounds))
    after = refine(
        refined.made,
        lambda widths: bench.judge(widths, "sequential"),
        limits,
        spec=Calibration(rounds=max(rounds - 1, 0), neighbours=7),
    )
    found = {
        **uniform,
        "optimum": knapsack(bench.made, limits),
        "calibrated": knapsack(made, limits),
        "refined": refined.best,
        "refined, sequential": after.best,
    }
    spent = {"calibrated": len(first), "refined": len(refined.loss_N), "refined, sequential": len(after.loss_N)}
    spent["refined, sequential"] += spent["refined"]
    return {name: {**bench.tested(widths), "judgements": spent.get(name, 0)} for name, widths in found.items()}


def save(bench: Bench, facts: Facts) -> Facts:
    """Write everything that is known."""
    record = {
        **environment(),
        "task": bench.target.stem.removeprefix("surrogate_"),
        "model": bench.ready.fingerprint,
        "repair": repr(bench.job.repair),
        "final_images": bench.images,
        "dense": {"search_loss": bench.ready.dense_score.loss, "search_accuracy": bench.ready.dense_score.accuracy},
        "seconds": bench.seconds,
        **facts,
        "judged": bench.known,
    }
    replace({bench.target: json.dumps(record, indent=1) + "\n"})
    return record


def speed(bench: Bench) -> float:
    """Microseconds to predict loss and counts of a candidate, many at once."""
    generator = np.random.default_rng(0)
    width_NG = generator.integers(1, np.array(bench.made.space.sizes) + 1, (SPEED, len(bench.made.space.sizes)))
    started = time.perf_counter()
    bench.made.predict(width_NG)
    bench.made.count(width_NG)
    return 1e6 * (time.perf_counter() - started) / SPEED


def table(record: Facts) -> Table:
    """The optima."""
    shown = Table("widths", "judgements", "search loss", "test %, static", "test %, sequential", title=record["task"])
    for name, row in record["optima"].items():
        accuracies = (f"{100 * row[mode]:.1f}" for mode in ("static", "sequential"))
        shown.add_row(name, str(row["judgements"]), f"{row['search_loss']:.3f}", *accuracies)
    return shown


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--each", type=int, default=20, help="random candidates per budget; four times at 0.5")
    accepted.add_argument("--calibration", type=int, default=60, help="of those at 0.5, the ones to calibrate on")
    accepted.add_argument("--rounds", type=int, default=4, help="rounds of refinement")
    accepted.add_argument("--tuned", type=int, default=12, help="candidates that are fine-tuned")
    accepted.add_argument("--final-images", type=int, default=2000, help="images of the final sequential repair")
    options = accepted.parse_args()
    torch.set_num_threads(options.threads)
    job = job_of(options, HALF)
    splits = job.data.load(job.seed)
    target = RESULTS / f"surrogate_{options.task}.json"
    bench = Bench(job, splits, dense_network(job, splits, job.torch_device()), target, options.final_images)
    console = Console()
    judged = judgements(bench, options.each, console)
    half, everything = judged[HALF_SHARE], {w: loss for part in judged.values() for w, loss in part.items()}
    other = relative(bench)
    facts: Facts = {
        "microseconds": speed(bench),
        "correlation": {
            "candidates": len(everything),
            "all budgets, relative": correlation(other, everything),
            "all budgets": correlation(bench.made, everything),
            "half, relative": correlation(other, half),
            "half": correlation(bench.made, half),
            "half, calibrated": [
                held_out(bench, half, n) for n in (20, 40, options.calibration) if n + FEWEST <= len(half)
            ],
            "half, cross-validated": cross_validated(bench, half, {}),
            "half, with other budgets": cross_validated(
                bench, half, {w: everything[w] for w in everything if w not in half}
            ),
        },
    }
    save(bench, facts)
    facts["optima"] = optima(bench, half, options.calibration, options.rounds)
    save(bench, facts)
    chosen = list(half)[: options.tuned]
    tuned = [bench.tuned(w) for w in track(chosen, "tuning", console=console, disable=not console.is_terminal)]
    made = calibrated(bench.made, np.array(list(half)), np.array(list(half.values())))
    if len(chosen) > 1:
        facts["tuned"] = {
            "candidates": len(chosen),
            "finetune": repr(TUNING),
            "spearman, as it comes": -float(spearmanr(bench.made.predict(np.array(chosen)), tuned).statistic),
            "spearman, calibrated": -float(spearmanr(made.predict(np.array(chosen)), tuned).statistic),
            "spearman, search loss": -float(spearmanr([half[w] for w in chosen], tuned).statistic),
        }
    record = save(bench, facts)
    console.print(record["correlation"], record.get("tuned"))
    console.print(table(record))


if __name__ == "__main__":
    main()
