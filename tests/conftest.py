"""What every test shares: one thread per process, reproducible property tests, the CIFAR-10 fixtures."""

import gc
import importlib.util
from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings

pytest_plugins = ["fixtures_cifar"] if importlib.util.find_spec("fixtures_cifar") else []

# pytest-xdist already fills the cores; more threads only make them wait, and change the order of float sums.
torch.set_num_threads(1)

settings.register_profile("cpruner", derandomize=True, deadline=None, max_examples=25)
settings.load_profile("cpruner")


def pytest_collection_finish() -> None:
    """Six thousand tests, their parameters and torch stay until the end: the garbage collector need not visit them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure() -> None:
    gc.unfreeze()


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from or left in the cache of whoever runs the tests."""
    with pytest.MonkeyPatch.context() as world:
        world.setenv("CPRUNER_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def same_random_numbers() -> Iterator[None]:
    """Layers draw their first weights from torch's global generator: the same ones whatever ran before."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield
