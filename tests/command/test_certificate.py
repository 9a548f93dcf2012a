import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from finished_run import finished
from tiny_job import job, splits

from cpruner.candidate import load
from cpruner.command import certificate
from cpruner.command.certificate import CERTIFICATE, LIMITS, certify, measure, write, write_limits
from cpruner.constraint import Flops, Params, Reading
from cpruner.errors import ArtefactError
from cpruner.evaluate import score

LOOSE = {"flops": {"limit": 1e9, "dense": 2e9}, "params": {"limit": 1e9, "dense": 2e9}}


def test_limits_are_written_as_amounts(tmp_path: Path) -> None:
    write_limits(tmp_path, (Reading("flops", "FLOPs", 90.0, 0.0, 100.0, 200.0),))
    assert json.loads((tmp_path / LIMITS).read_text()) == {"flops": {"limit": 100.0, "dense": 200.0}}


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    write(path, {"a": 1})
    with pytest.raises(TypeError):
        write(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_measured_network_is_the_one_on_disk(tmp_path: Path) -> None:
    run_dir = finished(tmp_path / "run")
    found = measure(job(), run_dir, LOOSE)
    network = load(run_dir, lambda: job().model.build(10, splits().example))
    inputs = (splits().example,)
    assert found == {
        "budgets": [
            {
                "name": "flops",
                "unit": "FLOPs",
                "limit": 1e9,
                "satisfied": True,
                "value": Flops().measure(network, inputs).value,
            },
            {
                "name": "params",
                "unit": "params",
                "limit": 1e9,
                "satisfied": True,
                "value": Params().measure(network, inputs).value,
            },
        ],
        "search_accuracy": score(network, splits().search).accuracy,
        "test_accuracy": score(network, splits().test).accuracy,
    }


def test_limits_are_those_given_and_not_measured_again(tmp_path: Path) -> None:
    tight = {**LOOSE, "params": {"limit": 1.0, "dense": 2.0}}
    flops, params = measure(job(), finished(tmp_path / "run"), tight)["budgets"]
    assert (flops["satisfied"], params["satisfied"], params["limit"]) == (True, False, 1.0)


def test_it_is_measured_on_as_many_threads_as_the_search_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[int] = []
    run_dir = finished(tmp_path / "run")
    monkeypatch.setattr(torch, "set_num_threads", told.append)
    measure(job(threads=2), run_dir, LOOSE)
    assert told == [2]


@pytest.mark.integration
def test_a_fresh_process_measures_the_same(tmp_path: Path) -> None:
    """The only test here that really starts an interpreter."""
    run_dir = finished(tmp_path / "run")
    (run_dir / CERTIFICATE).write_text('"of an earlier run"')
    assert certify(run_dir) == measure(job(), run_dir, json.loads((run_dir / LIMITS).read_text()))


def test_a_process_that_fails_is_told_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / CERTIFICATE).write_text('"of an earlier run"')

    def failing(command: list[str], **options: Any) -> "subprocess.CompletedProcess[str]":
        assert command[1:] == ["-m", "cpruner.verify", str(tmp_path)]
        return subprocess.CompletedProcess(command, 2, "", "cpruner.verify: no such file")

    monkeypatch.setattr(certificate.subprocess, "run", failing)
    with pytest.raises(ArtefactError, match=r"loads in a fresh process, got:\ncpruner\.verify: no such file"):
        certify(tmp_path)
    assert not (tmp_path / CERTIFICATE).exists()
