"""Reproducible initialisation that leaves the caller's random numbers alone."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from ``seed`` inside the block.

    Layers of ``torch.nn`` initialise themselves from torch's global CPU generator and take no other, so it is lent to
    them and put back as it was. ``torch.manual_seed`` would also reseed the generators of every GPU.
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
