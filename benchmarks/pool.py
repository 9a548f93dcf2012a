"""Evaluations per minute: in the main process, and with one and two workers.

    python benchmarks/pool.py                                     # the default task (digits)
    python benchmarks/pool.py --backends serial local ray
    python benchmarks/pool.py --task resnet20 --data cifar10.npz --weights resnet20-cifar10.safetensors

The default agent searches with every pool in turns, seed by seed, from an empty memory; all pools must find the same.
The start of the workers is timed by itself. Prints one row per pool and writes benchmarks/results/pool.json
(pool_<task>.json for other tasks).
"""

import json
import time
from functools import partial
from typing import Any

import torch
from measure.record import RESULTS, environment, replace
from measure.spread import clock, spread
from measure.task import job_of, parser
from search import prepared

from cpruner.command import Job
from cpruner.pool import Pool, Workers
from cpruner.prepared import Prepared
from cpruner.search import SearchResult, search

Facts = dict[str, Any]


def pools(backends: list[str], most: int) -> dict[str, Pool]:
    """The pools to compare, by name."""
    found = {"serial": Pool()} if "serial" in backends else {}
    for backend in backends:
        if backend != "serial":
            found |= {f"{backend} {count}": Pool(backend=backend, workers=count) for count in range(1, most + 1)}
    return found


def started(ready: Prepared, workers: Workers, count: int) -> float:
    """Seconds until every worker has judged something."""
    start = time.perf_counter()
    ratios = [0.5 + 0.01 * number for number in range(4 * count)]
    list(workers.map([(ready.space.uniform(ratio).kept, None) for ratio in ratios]))
    return time.perf_counter() - start


def one(ready: Prepared, job: Job, workers: Workers, seed: int) -> SearchResult:
    """One search from an empty memory."""
    ready.memo.clear()
    env = ready.env(job.problem, workers)
    return search(env, job.agent.build(env.problem, seed), job.search.evaluations)


def measured(ready: Prepared, job: Job, chosen: dict[str, Pool], seeds: int) -> dict[str, Facts]:
    """What is kept of every pool; only one is open at a time."""
    found: dict[str, dict[str, list[float]]] = {name: {"start_s": [], "minute": []} for name in chosen}
    for seed in range(seeds):
        expected: SearchResult | None = None
        for name, pool in chosen.items():
            with ready.workers(pool) as workers:
                found[name]["start_s"].append(started(ready, workers, pool.workers))
                seconds, result = clock(partial(one, ready, job, workers, seed))
            expected = expected or result
            if result != expected:
                raise SystemExit(f"{name}, seed {seed}: another result than {next(iter(chosen))}'s")
            found[name]["minute"].append(60 * len(result.archive) / seconds)
    return {name: {key: spread(values) for key, values in facts.items()} for name, facts in found.items()}


def line(name: str, facts: Facts, serial: float | None) -> str:
    """One row."""
    minute = facts["minute"]
    ratio = "" if serial is None else f", {minute['median'] / serial:.2f} times serial"
    return (
        f"{name}: {minute['median']:.0f} ({minute['low']:.0f} to {minute['high']:.0f}) evaluations per minute{ratio}; "
        f"start {facts['start_s']['median']:.1f} s"
    )


def main() -> None:
    accepted = parser(__doc__)
    accepted.add_argument("--evaluations", type=int, default=120)
    accepted.add_argument("--backends", nargs="*", default=["serial", "local"], choices=["serial", "local", "ray"])
    accepted.add_argument("--workers", type=int, default=2, help="most workers tried")
    options = accepted.parse_args()
    job = job_of(options, f"search.evaluations={options.evaluations}")
    torch.set_num_threads(options.threads)
    ready, _ = prepared(job)
    found = measured(ready, job, pools(options.backends, options.workers), options.seeds)
    serial = found["serial"]["minute"]["median"] if "serial" in found else None
    for name, facts in found.items():
        print(line(name, facts, serial), flush=True)
    record = {"task": options.task, **environment("loky", "ray"), "agent": repr(job.agent), "pools": found}
    record |= {"evaluations": options.evaluations, "seeds": options.seeds}
    path = RESULTS / ("pool.json" if options.task == "digits" else f"pool_{options.task}.json")
    replace({path: json.dumps(record, indent=1) + "\n"})


if __name__ == "__main__":
    main()
