"""Worker processes of this machine, by loky.

loky rather than ``multiprocessing`` or ``concurrent.futures``: a worker is a fresh interpreter (safe with CUDA and
threads), a script needs no ``if __name__ == "__main__"``, functions of a script or a notebook can be sent, and a worker
gets an environment of its own before it imports anything. Every worker is a pool of one, so when one dies it is known
which item it was on, and no other worker is disturbed.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, final

import torch
from loky import ProcessPoolExecutor, cpu_count

from cpruner.errors import InputError
from cpruner.pool.crew import Crew, Seat
from cpruner.pool.shipment import Function, Shipment, ship
from cpruner.pool.spec import Pool
from cpruner.pool.threads import share
from cpruner.pool.worker import Reply, serve, work


def local(spec: Pool, function: Function, *, cuda: bool, name: Callable[[Any], str]) -> Crew:
    """Processes of this machine, see ``Pool.open``."""
    gpus = _one_each(spec.workers) if cuda else [None] * spec.workers
    threads = share(cpu_count(), spec.workers, spec.threads)
    folder = Path(tempfile.mkdtemp(prefix="cpruner-"))
    try:
        shipment = ship(function, threads, folder / "function.pt")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    seats = [_Process(shipment, _environment(threads, gpu)) for gpu in gpus]
    return Crew(seats, spec.attempts, name, lambda: shutil.rmtree(folder, ignore_errors=True))


@final
class _Process(Seat):
    """The seat of one process."""

    death = (BrokenProcessPool,)

    def __init__(self, shipment: Shipment, environment: Mapping[str, str]) -> None:
        self._shipment, self._environment = shipment, dict(environment)
        self._pool: ProcessPoolExecutor | None = None

    def submit(self, item: Any) -> "Future[Reply]":
        try:
            return self._submit(item)
        except BrokenProcessPool:  # it died while it had nothing to do: no item is to blame
            self.clear()
            return self._submit(item)

    def _submit(self, item: Any) -> "Future[Reply]":
        if self._pool is None:
            self._pool = ProcessPoolExecutor(1, env=self._environment, initializer=serve, initargs=(os.getpid(),))
        with _deaf_children():
            return self._pool.submit(work, self._shipment, item)  # type: ignore[no-any-return]

    def clear(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, kill_workers=True)
            self._pool = None


def _environment(threads: int, gpu: str | None) -> dict[str, str]:
    """What a worker's environment has besides ours; it is set before the worker imports anything."""
    count = str(threads)
    limits = {"OMP_NUM_THREADS": count, "MKL_NUM_THREADS": count, "OPENBLAS_NUM_THREADS": count}
    forever = {"LOKY_MAX_MEMORY_LEAK_SIZE": "1e18"}  # large candidates are no leak
    return {**limits, **forever, **({} if gpu is None else {"CUDA_VISIBLE_DEVICES": gpu})}


def _one_each(workers: int) -> list[str]:
    """A GPU for every worker, by the name it goes by in CUDA_VISIBLE_DEVICES.

    Raises:
        InputError: There are fewer GPUs than workers.
    """
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(torch.cuda.device_count())) if listed is None else map(str.strip, listed.split(","))
    gpus = [name for name in names if name not in ("", "-1")]
    if len(gpus) < workers:
        raise InputError(
            "pool.workers",
            expected=f"at most one worker for each of the {len(gpus)} GPUs, as the network is on CUDA",
            got=workers,
            remedy="Take fewer workers, or put the network on the CPU.",
        )
    return gpus[:workers]


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started inside do not hear Ctrl-C, which a terminal sends to all; the main process ends them.

    A worker turns deaf by itself, but only when it has imported what it needs.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # starting it, as the first worker would, ends the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
