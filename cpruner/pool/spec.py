"""How many workers judge candidates, and where they are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cpruner.errors import InputError
from cpruner.pool.workers import Workers
from cpruner.spec import check, option


@dataclass(frozen=True)
class Pool:
    """Options of the evaluator pool; they change how long a search takes, never what it finds."""

    backend: str = option(
        "serial",
        "serial: in the main process; local: processes of this machine; ray: actors of a Ray cluster, or of a local "
        "one that is started (pip install cpruner[ray])",
        choices=("serial", "local", "ray"),
    )
    workers: int = option(1, "processes that judge candidates; on CUDA at most one per GPU", low=1)
    attempts: int = option(3, "workers that may die on one candidate before the search gives up", low=1)
    threads: int = option(
        0, "CPU threads of torch in a worker; 0: as many as here, but no more than cores / workers", low=0
    )

    def __post_init__(self) -> None:
        check(self)
        if self.backend == "serial" and self.workers > 1:
            raise InputError(
                "Pool.workers",
                expected="1 with the serial backend",
                got=self.workers,
                remedy="Choose the backend local or ray.",
            )

    def open(self, function: Callable[[Any], Any], *, cuda: bool = False, name: Callable[[Any], str] = str) -> Workers:
        """Make the workers; each starts when there is work for it.

        Args:
            function: What they do with an item. It is sent once to every worker, with all that it holds.
            cuda: Give every worker a GPU of its own, the only one that it sees.
            name: How messages call an item.

        Raises:
            InputError: The function cannot be sent to another process, there are fewer GPUs or CPUs than workers, or
                Ray is not installed.
        """
        if self.backend == "local":
            from cpruner.pool.local import local

            return local(self, function, cuda=cuda, name=name)
        if self.backend == "ray":
            from cpruner.pool.ray import on_ray

            return on_ray(self, function, cuda=cuda, name=name)
        from cpruner.pool.serial import Serial

        return Serial(function, self.threads)
