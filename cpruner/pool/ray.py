"""Actors of a Ray cluster: the one the program is connected to, or the one at hand, or a local one that is started."""

import importlib
import logging
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, final

from cpruner.errors import InputError
from cpruner.pool.crew import Crew, Seat
from cpruner.pool.shipment import Function, ship
from cpruner.pool.spec import Pool
from cpruner.pool.threads import share
from cpruner.pool.worker import Reply, Worker


def on_ray(spec: Pool, function: Function, *, cuda: bool, name: Callable[[Any], str]) -> Crew:
    """Actors, see ``Pool.open``."""
    ray = _ray()
    ours = not ray.is_initialized()
    if ours:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    try:
        there = ray.cluster_resources()
        threads = share(int(there.get("CPU", 1)), spec.workers, spec.threads)
        wanted = {"num_cpus": threads, "num_gpus": 1 if cuda else 0}
        _check(spec.workers, {"CPU": threads, "GPU": wanted["num_gpus"]}, there)
        shipment = ray.put(ship(function, threads))
        actor = ray.remote(Worker).options(**wanted, max_restarts=0, max_task_retries=0)
    except BaseException:
        if ours:
            ray.shutdown()
        raise
    seats = [_Actor(ray, actor, shipment) for _ in range(spec.workers)]
    return Crew(seats, spec.attempts, name, ray.shutdown if ours else lambda: None)


@final
class _Actor(Seat):
    """The seat of one actor."""

    def __init__(self, ray: Any, kind: Any, shipment: Any) -> None:
        self._ray, self._kind, self._shipment = ray, kind, shipment
        self.death = (ray.exceptions.RayActorError, ray.exceptions.OutOfMemoryError)
        self._actor: Any = None

    def submit(self, item: Any) -> "Future[Reply]":
        if self._actor is None:
            self._actor = self._kind.remote(self._shipment)
        return self._actor.work.remote(item).future()  # type: ignore[no-any-return]

    def clear(self) -> None:
        if self._actor is not None:
            self._ray.kill(self._actor)
            self._actor = None


def _check(workers: int, each: dict[str, int], there: dict[str, float]) -> None:
    """Refuse what would wait for ever.

    Raises:
        InputError: Naming what the cluster lacks.
    """
    for what, amount in each.items():
        if workers * amount > there.get(what, 0.0):
            raise InputError(
                "pool.workers",
                expected=f"at most {int(there.get(what, 0.0))} {what}s, all that this Ray cluster has",
                got=f"{workers} workers with {amount} each",
                remedy="Take fewer workers or threads, or a larger cluster.",
            )


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError as error:
        remedy = "Install it: pip install 'cpruner[ray]'; or use pool.backend=local."
        raise InputError("pool.backend", expected="Ray to be installed", got="none", remedy=remedy) from error
