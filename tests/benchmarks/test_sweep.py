import argparse
import json
from pathlib import Path
from typing import Any

import pytest
from measure import ours, peer
from measure.record import command, replace, sources
from measure.row import line
from measure.summary import markdown, summary
from measure.sweep import Page, read, settled, stored, todo, write

ROWS: dict[str, Any] = {
    "a": {"ours": {"status": "ok"}, "peer": {"status": "failed"}},
    "b": {"ours": {"status": "timeout"}},
}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"resume": False, "retry": False}, "a.ours a.peer b.ours b.peer"),
        ({"resume": True, "retry": False}, "b.peer"),
        ({"resume": False, "retry": True}, "a.peer b.ours b.peer"),
    ],
)
def test_what_is_left_to_do(options: dict[str, bool], expected: str) -> None:
    chosen = argparse.Namespace(engine=["ours", "peer"], **options)
    assert [".".join(pair) for pair in todo(ROWS, ["a", "b"], chosen)] == expected.split()


def test_one_engine_alone() -> None:
    chosen = argparse.Namespace(engine=["ours"], resume=False, retry=False)
    assert todo({}, ["a"], chosen) == [("a", "ours")]


def test_a_process_that_dies_without_a_word_failed_where_it_was(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    file.write_text(json.dumps({"status": "running", "stage": "trace"}))
    facts = settled(read(file), -9, "")
    assert facts["status"] == "failed"
    assert facts["reason"] == "trace: killed by signal 9"
    lost = settled(read(tmp_path / "none"), 1, "Traceback\nImportError: no x\n\n")
    assert lost["reason"] == "start: exit status 1 ImportError: no x"
    assert settled({"status": "ok"}, 0, "") == {"status": "ok"}


def test_files_are_replaced_whole_and_read_again(tmp_path: Path) -> None:
    out = tmp_path / "results" / "breadth.json"
    around = {"command": "python x", "date": "2026-01-01", "device": "chip", "versions": {}}
    rows = [{"name": name, "family": "f", "ours": {}, "peer": {}} for name in ("a", "b")]
    write(out, {**around, "rows": rows}, Page(line, summary, markdown))
    assert list(stored(out)) == ["a", "b"]
    assert sorted(path.name for path in out.parent.iterdir()) == ["breadth.json", "breadth.md"]
    replace({out: "{}"})
    assert out.read_text() == "{}"


def test_every_row_is_told_by_the_command_that_measured_it_last() -> None:
    old, new = ({"command": f"python {name}", "date": "2026-01-01"} for name in ("old", "new"))
    rows = [{"ours": new, "peer": old}, {"ours": new, "peer": {}}, {"ours": old}]
    assert sources(rows, ["ours", "peer"]) == "`python new` (2, 2026-01-01), `python old` (2, 2026-01-01)"
    assert sources(rows, ["peer"]) == "`python old` (1, 2026-01-01)"


def test_the_command_is_told_from_the_root() -> None:
    assert command(["/far/benchmarks/breadth.py", "--only", "a b*"]) == "python benchmarks/breadth.py --only 'a b*'"


GOOD: dict[str, Any] = {
    "params": 100,
    "macs": 1000.0,
    "small_params": 30,
    "small_macs": 300.0,
    "said": [100.0, 1000.0, 30.0, 300.0],
    "groups": 1,
    "same_shapes": True,
    "unexplained_params": 0,
    "max_error": 1e-12,
    "precision": "float64",
}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"said": [100.0, 1000.0, 31.0, 300.0]}, "parameters: predicted 31, counted 30"),
        ({"said": [100.0, 900.0, 30.0, 300.0]}, "dense MACs: predicted 900, counted 1000"),
        ({"groups": 0}, "nothing can be pruned"),
        ({"same_shapes": False}, "the outputs have other shapes"),
        ({"unexplained_params": 5}, "5 parameters in no group and without a reason"),
        ({"max_error": 2e-5}, "differs from the masked network by 2.0e-05"),
        ({"max_error": float("nan")}, "differs from the masked network by nan"),
    ],
)
def test_every_broken_promise_is_named(change: dict[str, Any], fault: str) -> None:
    assert ours.faults({**GOOD, **change}) == [fault]


def test_kept_promises_have_no_fault() -> None:
    assert ours.faults(GOOD) == []
    assert ours.faults({**GOOD, "max_error": 1e-4, "precision": "float32"}) == []


def test_a_peer_that_prunes_nothing_fails() -> None:
    assert peer.faults({"same_shapes": True, "small_params": 5, "params": 10}) == []
    assert peer.faults({"same_shapes": False, "small_params": 10, "params": 10}) == [
        "the outputs have other shapes",
        "nothing was pruned",
    ]
