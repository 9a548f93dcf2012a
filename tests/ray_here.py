"""A real local Ray for a test; without the package the test is skipped."""

import gc
import importlib.util
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def ray_needed() -> Iterator[None]:
    """Skip unless Ray is installed; afterwards let go of what its shutdown forgot to wait for.

    Otherwise the warning about that would meet a later test.
    """
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray: pip install 'cpruner[ray]'")
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
