"""One network through the real process, by both engines."""

import subprocess
from dataclasses import replace

import pytest
from measure.sweep import measured
from zoo import zoo

NAME = "torch/multihead_attention"


def test_a_skipped_network_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("a process was started"))
    entry = replace(zoo()[NAME], skip="not here")
    assert measured("ours", entry, 10, 0) == {"status": "skipped", "reason": "not here"}


def test_a_time_limit_ends_the_process() -> None:
    facts = measured("ours", zoo()[NAME], 0.05, 0)
    assert facts["status"] == "timeout"
    assert facts["reason"].endswith("more than 0.05 s")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["ours", "peer"])
def test_a_small_network_is_measured(engine: str) -> None:
    facts = measured(engine, zoo()[NAME], 120, 0)
    assert facts["status"] == "ok", facts
    assert facts["small_params"] < facts["params"]


@pytest.mark.slow
def test_too_little_memory_is_a_failure_of_one_row() -> None:
    facts = measured("ours", zoo()["vgg11"], 120, 0.3)
    assert facts["status"] == "failed"
    assert "memory" in facts["reason"].lower()
