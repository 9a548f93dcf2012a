"""The pipeline with workers: the same result as without, whoever works, finishes first or dies."""

import os
import signal
import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ray_here import ray_needed
from tiny_run import Told, pruned
from tiny_task import widths_of
from torch import nn

from cpruner.agent import CrossEntropy, Random
from cpruner.constraint import Budget, External, Flops
from cpruner.errors import CheckpointError, CostError, InputError
from cpruner.pool import Pool
from cpruner.result import Result

TWO = Pool(backend="local", workers=2)
PLAYERS: dict[str, Any] = {"agent": CrossEntropy(episodes_per_update=3), "baselines": {"random": Random()}}
Cost = Callable[[nn.Module, Any], float]


def width(network: nn.Module, inputs: Any) -> float:
    return float(sum(widths_of(network)))


def budgets(energy: Cost) -> tuple[Budget, ...]:
    """One that is counted, one for the workers and one that is measured in quiet."""
    return (Budget(Flops(), 0.6), Budget(External(energy, name="energy", quiet=False), 14), Budget(External(width), 14))


def run(energy: Cost = width, **changed: Any) -> Result:
    return pruned(*budgets(energy), **{**PLAYERS, **changed})


@cache
def serial() -> Result:
    return run()


def deadly(mark: Path) -> Cost:
    """A cost that kills the first worker that measures it."""
    main = os.getpid()

    def energy(network: nn.Module, inputs: Any) -> float:
        if os.getpid() != main and not mark.exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return float(sum(widths_of(network)))

    return energy


def failing(main: int, where: Path) -> Cost:
    """A cost that fails on narrow networks but not on the smallest, and notes in which process."""

    def energy(network: nn.Module, inputs: Any) -> float:
        if 3 < sum(widths_of(network)) < 12:
            where.write_text("main" if os.getpid() == main else "worker")
            raise OSError(f"no meter for {widths_of(network)}")
        return 1.0

    return energy


@pytest.mark.slow
def test_two_workers_one_of_which_is_killed_find_what_one_process_finds(tmp_path: Path) -> None:
    told = Told()
    found = run(deadly(tmp_path / "mark"), pool=TWO, watcher=told)
    assert (tmp_path / "mark").exists()
    assert found.searches == serial().searches
    assert found.readings == serial().readings
    evaluations = [event for event in told.events if event.startswith("agent ")]
    assert evaluations == [f"agent {number}/6" for number in range(1, 7)]


@pytest.mark.slow
def test_an_error_in_a_worker_is_the_error_that_comes_without(tmp_path: Path) -> None:
    messages = []
    for pool, place in ((Pool(), "main"), (TWO, "worker")):
        with pytest.raises(CostError, match=r"^cost 'energy': .*OSError: no meter for ") as caught:
            run(failing(os.getpid(), tmp_path / "where"), pool=pool, run_dir=tmp_path / pool.backend)
        messages.append(str(caught.value))
        assert (tmp_path / "where").read_text() == place
    assert messages[0] == messages[1]


def test_a_network_that_cannot_be_sent_is_refused_before_the_search() -> None:
    told, lock = Told(), threading.Lock()

    def energy(network: nn.Module, inputs: Any) -> float:
        with lock:
            return 1.0

    with pytest.raises(InputError, match=r"pool: expected a network, data and costs"):
        run(energy, pool=TWO, watcher=told)
    assert "search: agent" not in told.events


@pytest.mark.slow
@pytest.mark.parametrize(
    "pool",
    [
        Pool(threads=1),
        Pool(backend="local"),
        Pool(backend="local", workers=3),
        Pool(backend="ray"),
        Pool(backend="ray", workers=2),
    ],
    ids=lambda pool: f"{pool.backend}{pool.workers}",
)
def test_any_backend_and_number_of_workers_finds_the_same(pool: Pool, tmp_path: Path) -> None:
    with ray_needed() if pool.backend == "ray" else nullcontext():
        found = run(deadly(tmp_path / "mark"), pool=pool)
    assert (tmp_path / "mark").exists() == (pool.backend != "serial")
    assert found.searches == serial().searches


@pytest.mark.slow
def test_a_search_broken_off_with_workers_goes_on_without(tmp_path: Path) -> None:
    def interrupt(event: str) -> None:
        if event == "agent 2/6":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(pool=TWO, run_dir=tmp_path, watcher=Told(interrupt))
    assert run(resume=tmp_path).searches == serial().searches
    with pytest.raises(CheckpointError):
        run(resume=tmp_path, seed=1)
