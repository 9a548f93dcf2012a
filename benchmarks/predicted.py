"""Episodes per second on predicted rewards: many in lockstep, one at a time, and judged for real.

    python benchmarks/predicted.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

Random actions, half the FLOPs, rewards by the surrogate. The floor is what cannot be avoided: counting the costs of N
candidates once and predicting their losses. Prints one row and writes benchmarks/results/predicted_<task>.json.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measure.record import RESULTS, environment, replace
from measure.task import job_of, parser
from rich.console import Console
from rich.table import Table
from search import prepared

from cpruner.agent.warm_up import lockstep
from cpruner.cmdp import Array
from cpruner.env import PredictedEnv
from cpruner.prepared import Prepared
from cpruner.surrogate import Surrogate

HALF = "constraint=[flops]"
MANY = 1000
FEW = 10


def seconds(work: Callable[[], Any], repeats: int) -> float:
    """Median time of a piece of work, after one run that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def rates(ready: Prepared, made: Surrogate, problem: Any, many: int = MANY, repeats: int = 5) -> dict[str, float]:
    """Episodes per second, all ways."""
    env, generator = ready.env(problem), np.random.default_rng(0)
    posed = PredictedEnv(env, lambda width_NG: -made.predict(width_NG))

    def act(observation_NO: Array) -> Array:
        return generator.uniform(0.1, 1.0, (len(observation_NO), 1))

    width_NG = env.space.widths_of(generator.uniform(0.1, 1.0, (many, len(env.space.groups))))

    def floor() -> None:
        env.space.algebra.count(width_NG)
        made.predict(width_NG)

    judged = [env.space.at(row) for row in (width_NG[:FEW] / np.array(env.space.sizes)).tolist()]
    start = time.perf_counter()
    for candidate in judged:
        env.judge(candidate)
    real = (time.perf_counter() - start) / FEW
    return {
        "lockstep": many / seconds(lambda: lockstep(posed, many, act), repeats),
        "one at a time": FEW / seconds(lambda: [lockstep(posed, 1, act) for _ in range(FEW)], repeats),
        "judged": 1 / real,
        "floor": many / seconds(floor, repeats),
    }


def main() -> None:
    options = parser(__doc__).parse_args()
    job = job_of(options, HALF)
    torch.set_num_threads(options.threads)
    ready, _ = prepared(job)
    made = ready.surrogate
    found = rates(ready, made, job.problem)
    record = {"task": options.task, **environment(), "episodes": MANY, "per_second": found}
    replace({RESULTS / f"predicted_{options.task}.json": json.dumps(record, indent=1) + "\n"})
    shown = Table("network", *found, title="episodes per second")
    shown.add_row(options.task, *(f"{rate:.3g}" for rate in found.values()))
    Console().print(shown)


if __name__ == "__main__":
    main()
