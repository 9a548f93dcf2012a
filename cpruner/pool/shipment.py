"""A function on its way to a worker, with everything it holds: weights, images, statistics.

``torch.save`` with cloudpickle, which also takes what was defined in a script, a notebook or another function. A file
of tensors is mapped into memory, so the workers of one machine share what none of them changes.
"""

import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import torch

from cpruner.errors import InputError
from cpruner.pool.numerics import Numerics

Function = Callable[[Any], Any]

#: A worker sees one GPU and calls it cuda:0, whatever its number was where the tensors come from.
_ONE_GPU = {f"cuda:{index}": "cuda:0" for index in range(1, 64)}


@dataclass(frozen=True)
class Shipment:
    """What a worker gets before its first item.

    Args:
        threads: CPU threads of torch.
        path: ``sys.path`` of the main process, so that a worker finds the same modules.
        content: File of the function, or its bytes.
    """

    threads: int
    path: tuple[str, ...]
    content: Path | bytes

    def unpack(self) -> Function:
        """Set the worker up and rebuild the function; to be called in the worker."""
        sys.path.extend(place for place in self.path if place not in sys.path)
        torch.set_num_threads(self.threads)
        mapped = isinstance(self.content, Path)
        source = self.content if isinstance(self.content, Path) else io.BytesIO(self.content)
        # our own file: what is unpickled was packed by the main process
        numerics, function = torch.load(source, mmap=mapped, map_location=_ONE_GPU, weights_only=False)
        numerics.restore()
        return function  # type: ignore[no-any-return]


def ship(function: Function, threads: int, file: Path | None = None) -> Shipment:
    """Pack a function and torch's numeric settings.

    Args:
        function: What the workers are to do.
        threads: CPU threads of torch in a worker.
        file: Where to put it; None keeps it in memory.

    Raises:
        InputError: Something it holds cannot be sent to another process.
    """
    buffer = io.BytesIO()
    try:
        torch.save((Numerics.now(), function), file or buffer, pickle_module=cloudpickle, pickle_protocol=5)
    except Exception as error:
        raise InputError(
            "pool",
            expected="a network, data and costs that can be sent to another process",
            got=f"{type(error).__name__}: {error}",
            remedy="Use pool.backend=serial, or something that can be pickled in its place.",
        ) from error
    return Shipment(threads, tuple(sys.path), file or buffer.getvalue())
