"""The Ray backend: what it asks of Ray, by a stand-in; and, marked slow, a real local Ray of two CPUs and two GPUs."""

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from chores import chore
from ray_here import ray_needed

from cpruner.errors import CostError, InputError, WorkerError
from cpruner.pool import Pool, Workers

TWO = Pool(backend="ray", workers=2, attempts=2)


class StandIn:
    """Notes what it is asked for."""

    exceptions = SimpleNamespace(RayActorError=KeyError, OutOfMemoryError=MemoryError)

    def __init__(self, running: bool, **resources: float) -> None:
        self.running, self.resources = running, resources
        self.asked: list[Any] = []

    def is_initialized(self) -> bool:
        return self.running

    def init(self, **options: Any) -> None:
        self.asked.append("init")

    def shutdown(self) -> None:
        self.asked.append("shutdown")

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def put(self, value: Any) -> Any:
        return value

    def remote(self, kind: type) -> Any:
        return SimpleNamespace(options=lambda **options: self.asked.append(options))


def given(monkeypatch: pytest.MonkeyPatch, ray: StandIn) -> StandIn:
    monkeypatch.setattr("cpruner.pool.ray._ray", lambda: ray)
    return ray


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr("cpruner.pool.ray.importlib.import_module", missing)
    with pytest.raises(InputError, match=r"pool\.backend: expected Ray .*pip install 'cpruner\[ray\]'"):
        TWO.open(chore)


def test_a_ray_that_it_started_is_shut_down_and_another_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for running, around in ((False, ["init", "shutdown"]), (True, [])):
        ray = given(monkeypatch, StandIn(running, CPU=4.0))
        with TWO.open(chore):
            pass
        assert [call for call in ray.asked if isinstance(call, str)] == around


def test_every_worker_asks_for_its_threads_and_on_cuda_for_one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    for cuda in (False, True):
        ray = given(monkeypatch, StandIn(True, CPU=6.0, GPU=2.0))
        TWO.open(chore, cuda=cuda).close()
        assert ray.asked == [{"num_cpus": 3, "num_gpus": int(cuda), "max_restarts": 0, "max_task_retries": 0}]


@pytest.mark.parametrize(
    ("there", "cuda", "named"),
    [({"CPU": 1.0}, False, "at most 1 CPUs"), ({"CPU": 8.0}, True, "at most 0 GPUs")],
)
def test_what_the_cluster_lacks_is_named(
    there: dict[str, float], cuda: bool, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = given(monkeypatch, StandIn(False, **there))
    with pytest.raises(InputError, match=rf"pool\.workers: expected {named}, .* got 2 workers with 1 each"):
        TWO.open(chore, cuda=cuda)
    assert ray.asked == ["init", "shutdown"]


@pytest.fixture(scope="module")
def pair() -> Iterator[Workers]:
    """Two actors of a Ray that believes in two GPUs: nothing touches one."""
    with ray_needed():
        import ray

        ray.init(num_cpus=2, num_gpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
        with TWO.open(chore, cuda=True) as workers:
            yield workers
        assert ray.is_initialized()
        ray.shutdown()


@pytest.mark.slow
class TestRay:
    def test_two_processes_work_and_results_are_in_order(self, pair: Workers) -> None:
        assert list(pair.map([("double", number) for number in range(20)])) == list(range(0, 40, 2))
        assert os.getpid() not in pair.map([("pid",)] * 2)

    def test_each_has_a_gpu_of_its_own_and_its_share_of_threads(self, pair: Workers) -> None:
        assert sorted(pair.map([("variable", "CUDA_VISIBLE_DEVICES")] * 2)) == ["0", "1"]
        assert list(pair.map([("threads",)] * 2)) == [1, 1]

    def test_an_actor_that_is_killed_is_replaced_and_its_item_done_again(self, pair: Workers, tmp_path: Path) -> None:
        before = {*pair.map([("pid",)] * 2)}
        items = [("double", 1), ("die", str(tmp_path / "mark")), ("double", 3), ("double", 4)]
        assert list(pair.map(items)) == [2, 1, 6, 8]
        assert len(before & {*pair.map([("pid",)] * 2)}) == 1

    def test_errors_come_back_as_they_are(self, pair: Workers) -> None:
        with pytest.raises(CostError, match=r"^the meter is off$"):
            list(pair.map([("double", 1), ("fail", "the meter is off")]))
        assert list(pair.map([("double", 8)])) == [16]

    def test_an_item_that_kills_every_actor_is_named(self, pair: Workers, tmp_path: Path) -> None:
        with pytest.raises(WorkerError, match=r"(?s)expected \('die', .* to be judged, got 2 workers that died"):
            list(pair.map([("die", str(tmp_path / "mark"), 9)]))
