"""What runs inside a worker, whoever started it."""

import os
import signal
import threading
import time
import traceback
from dataclasses import dataclass
from typing import Any, final

import cloudpickle
import torch

from cpruner.pool.shipment import Function, Shipment


class Remote(Exception):  # noqa: N818 - no error of its own: the traceback of one
    """The traceback of an error, as text from the process where it was raised."""

    def __str__(self) -> str:
        return f"\n\n{self.args[0]}"


@dataclass(frozen=True)
class Reply:
    """What came of an item.

    Args:
        value: The result.
        error: What the function raised instead, pickled.
        trace: Its traceback.
        exhausted: The worker ran out of memory: it is to be replaced and the item tried again.
    """

    value: Any = None
    error: bytes | None = None
    trace: str = ""
    exhausted: bool = False

    def result(self) -> Any:
        """The value.

        Raises:
            BaseException: What the function raised, caused by the traceback where it did.
        """
        if self.error is not None:
            raise cloudpickle.loads(self.error) from Remote(self.trace)
        return self.value


@final
class Worker:
    """Unpacks its shipment when the first item comes; what fails then is the reply to that item.

    Args:
        shipment: The function and how to set up.
    """

    def __init__(self, shipment: Shipment) -> None:
        self._shipment = shipment
        self._function: Function | None = None

    def work(self, item: Any) -> Reply:
        """Apply the function."""
        try:
            if self._function is None:
                self._function = self._shipment.unpack()
            return Reply(self._function(item))
        except BaseException as error:  # also what would end this process: it is to end the main one, as serially
            return Reply(error=_packed(error), trace=traceback.format_exc(), exhausted=_out_of_memory(error))


def _packed(error: BaseException) -> bytes:
    """The error pickled; if it cannot travel, one that says the same."""
    try:
        packed: bytes = cloudpickle.dumps(error)
        cloudpickle.loads(packed)
    except Exception:
        packed = cloudpickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    return packed


def _out_of_memory(error: BaseException | None) -> bool:
    """Whether that is what it says, or what it was raised from."""
    return error is not None and (
        isinstance(error, MemoryError | torch.OutOfMemoryError) or _out_of_memory(error.__cause__)
    )


_worker: Worker | None = None


def work(shipment: Shipment, item: Any) -> Reply:
    """``Worker.work`` of the only worker of this process."""
    global _worker  # noqa: PLW0603 - a process pool can only call functions
    if _worker is None:
        _worker = Worker(shipment)
    return _worker.work(item)


def serve(parent: int, seconds: float = 1.0) -> None:
    """Make this process a worker: it does not hear Ctrl-C, and ends soon after its parent, however that ended.

    Args:
        parent: Process id of the parent.
        seconds: How often to look for it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, daemon=True, name="watches the main process").start()
