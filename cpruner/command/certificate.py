"""The certificate: a saved network measured again in a process that has seen nothing but its run directory."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cpruner.candidate import load
from cpruner.command.job import Job
from cpruner.constraint import Reading
from cpruner.errors import ArtefactError
from cpruner.evaluate import score

LIMITS, CERTIFICATE = "limits.json", "certificate.json"


def write_limits(run_dir: Path, readings: tuple[Reading, ...]) -> None:
    """Note the absolute limits: a relative one must not move with a later measurement of the dense network."""
    limits = {reading.name: {"limit": reading.limit, "dense": reading.dense} for reading in readings}
    write(run_dir / LIMITS, limits)


def certify(run_dir: Path) -> dict[str, Any]:
    """Run ``python -m cpruner.verify`` in a fresh interpreter and read what it wrote.

    Raises:
        ArtefactError: The process failed before it could measure.
    """
    (run_dir / CERTIFICATE).unlink(missing_ok=True)
    command = [sys.executable, "-m", "cpruner.verify", str(run_dir)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not (run_dir / CERTIFICATE).is_file():
        raise ArtefactError(f"{run_dir}: expected a network that loads in a fresh process, got:\n{done.stderr[-2000:]}")
    certificate: dict[str, Any] = json.loads((run_dir / CERTIFICATE).read_text())
    return certificate


def measure(job: Job, run_dir: Path, limits: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
    """Load the artefact and measure it.

    Args:
        job: The job of the run.
        run_dir: Its directory.
        limits: ``limit`` and ``dense`` by budget name.
    """
    job.set_threads()  # a latency is only comparable on as many threads as the search had
    splits, device = job.data.load(job.seed), job.torch_device()
    network = load(run_dir, lambda: job.model.build(splits.classes, splits.example)).to(device)
    inputs = (splits.example.to(device),)
    readings = []
    for budget in job.budgets:
        sample, given = budget.cost.measure(network, inputs), limits[budget.name]
        readings.append(
            Reading(budget.name, budget.cost.unit, sample.value, sample.spread, given["limit"], given["dense"])
        )
    return {
        "budgets": [
            {"name": r.name, "unit": r.unit, "limit": r.limit, "value": r.value, "satisfied": r.satisfied}
            for r in readings
        ],
        "search_accuracy": score(network, splits.search).accuracy,
        "test_accuracy": score(network, splits.test).accuracy,
    }


def write(path: Path, value: Any) -> None:
    """Write JSON that is never seen half written."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(json.dumps(value, indent=2) + "\n")
    os.replace(part, path)
