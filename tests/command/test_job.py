from typing import Any

import pytest
import torch
from tiny_job import job

from cpruner.agent import Random, Uniform
from cpruner.errors import InputError
from cpruner.search import Search


def test_baselines_are_agents_by_name() -> None:
    assert job(search=Search(baselines=["random", "uniform"])).baselines == {"random": Random(), "uniform": Uniform()}
    assert job(search=Search(baselines=[])).baselines == {}


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (
            {"search": Search(baselines=["uniform", "magic"])},
            r"search\.baselines.*\['knapsack', .*\].*magic",
        ),
        ({"seed": -1}, "seed: expected an integer of at least 0, got -1"),
        ({"threads": 0}, "threads: expected an integer of at least 1, got 0"),
    ],
)
def test_what_no_spec_can_check_is_checked(changed: dict[str, Any], named: str) -> None:
    with pytest.raises(InputError, match=named):
        job(**changed)


@pytest.mark.parametrize(("cuda", "expected"), [(False, "cpu"), (True, "cuda")])
def test_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch, cuda: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch, "zeros", lambda *shape, device: None)
    assert job(device="auto").torch_device() == torch.device(expected)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(*shape: int, device: torch.device) -> None:
        raise RuntimeError("no driver")

    assert job(device="cpu").torch_device() == torch.device("cpu")
    with pytest.raises(InputError, match=r"device: expected auto, cpu, cuda .* got gpu"):
        job(device="gpu").torch_device()
    monkeypatch.setattr(torch, "zeros", absent)
    with pytest.raises(InputError, match=r"got cuda:7 \(no driver\)"):
        job(device="cuda:7").torch_device()


def test_threads_are_set_where_the_job_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    job(threads=None).set_threads()
    job(threads=3).set_threads()
    assert told == [3]
