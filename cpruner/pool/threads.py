"""CPU threads of torch: how many a worker gets, and having so many for a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


def share(cores: int, workers: int, asked: int = 0) -> int:
    """Threads of one worker, so that all workers together do not ask for more than there is.

    Args:
        cores: CPU cores that there are for all workers.
        workers: How many workers share them.
        asked: What the user asked for; 0 is nothing in particular.

    Returns:
        What was asked for; else as many as this process uses, but no more than cores / workers, and at least one.
    """
    return asked or max(1, min(torch.get_num_threads(), cores // workers))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """So many threads inside, as before outside; 0 changes nothing."""
    before = torch.get_num_threads()
    if count:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        if count:
            torch.set_num_threads(before)
