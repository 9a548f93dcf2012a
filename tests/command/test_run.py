import io
import json
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tiny_job import job

from cpruner.candidate import load_candidate
from cpruner.command import execute, link_latest, resumable, run
from cpruner.command.certificate import LIMITS, measure
from cpruner.env import PruningProblem
from cpruner.errors import InfeasibleError
from cpruner.finetune import FineTune
from cpruner.ranking import Rank
from cpruner.repair import Repair
from cpruner.report import Report, validate_result
from cpruner.search import Search
from cpruner.settings import Settings
from cpruner.space import Scope

NO_TRAINING = FineTune(epochs=0)
JOB = job(search=Search(evaluations=2, baselines=["uniform"]), dense=NO_TRAINING, finetune=NO_TRAINING)


def in_process(run_dir: Path) -> dict[str, Any]:
    """A certificate without a fresh interpreter."""
    return measure(JOB, run_dir, json.loads((run_dir / LIMITS).read_text()))


def broken(run_dir: Path) -> dict[str, Any]:
    """A certificate in which every budget is exceeded by one."""
    certificate = in_process(run_dir)
    for row in certificate["budgets"]:
        row |= {"value": row["limit"] + 1, "satisfied": False}
    return certificate


@dataclass(frozen=True)
class Done:
    run_dir: Path
    report: Report | None
    error: InfeasibleError | None
    text: str


def executed(run_dir: Path, certify: Any) -> Done:
    console, report, error = Console(file=io.StringIO(), width=100), None, None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "certify", certify)
        try:
            report = execute(JOB, run_dir, console)
        except InfeasibleError as raised:
            error = raised
    return Done(run_dir, report, error, console.file.getvalue())  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return executed(tmp_path_factory.mktemp("good"), in_process)


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Done:
    return executed(tmp_path_factory.mktemp("bad"), broken)


def test_every_spec_of_the_job_reaches_the_pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Seen(Exception):  # noqa: N818 - no error
        pass

    def stop(task: Any, agent: Any, evaluations: int, seed: int, settings: Settings) -> Any:
        raise Seen(settings)

    specs = {"repair": Repair(mode="none"), "ranking": Rank("l2"), "space": Scope(multiple_of=2)}
    specs |= {"problem": PruningProblem(feasibility="soft"), "finetune": FineTune(epochs=7)}
    monkeypatch.setattr(run, "run", stop)
    with pytest.raises(Seen) as seen:
        execute(replace(JOB, **specs), tmp_path, Console(file=io.StringIO()))
    assert {name: getattr(seen.value.args[0], name) for name in specs} == specs


def test_the_report_is_that_of_the_files(good: Done) -> None:
    assert good.report is not None
    result = json.loads((good.run_dir / "result.json").read_text())
    validate_result(result)
    assert [row["kept"] for row in result["groups"]] == list(load_candidate(good.run_dir).widths)
    assert result["pruned"]["search_accuracy"] == good.report.pruned.search_accuracy
    assert result["judging"]["batch_size"] == 512  # chosen for images of 8 x 8
    assert result["searched"]["flops"] == result["pruned"]["flops"] < result["dense"]["flops"]
    assert [row.name for row in good.report.baselines] == ["uniform"]
    assert len(good.report.uniform_groups) == len(good.report.groups)
    assert len(good.report.history.accuracy) == result["evaluations"] == 2
    limits = json.loads((good.run_dir / LIMITS).read_text())
    assert {row.name: row.limit for row in good.report.budgets} == {name: one["limit"] for name, one in limits.items()}


def test_no_half_written_file_is_left(good: Done, bad: Done) -> None:
    for done in (good, bad):
        names = [path.name for path in done.run_dir.rglob("*")]
        assert not [name for name in names if name.startswith(".") or name.endswith(".part")]


def test_without_a_terminal_plain_lines_tell_the_course(good: Done) -> None:
    lines = good.text.splitlines()
    assert "\x1b" not in good.text
    phases = ["data and dense network", "prepare", "search: agent", "search: uniform", "finetune", "report"]
    assert [line for line in lines if line in phases] == phases
    assert "search 2/2" in good.text
    assert lines[-1] == f"written to {good.run_dir}"
    assert max(map(len, lines[:-1])) <= 100


def test_a_budget_that_fails_in_the_fresh_process_is_no_success(bad: Done) -> None:
    assert bad.error is not None
    assert bad.error.constraint == "flops"
    assert bad.error.smallest == bad.error.limit + 1
    assert "It held during the search but not in a fresh process" in str(bad.error)
    assert not (bad.run_dir / "result.json").exists()
    assert "written to" not in bad.text


def test_the_checkpoint_of_the_agent_makes_a_run_resumable(good: Done, tmp_path: Path) -> None:
    assert resumable(good.run_dir)
    assert not resumable(tmp_path)


def test_latest_follows_the_last_run(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        link_latest(tmp_path / name)
        assert os.readlink(tmp_path / "latest") == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "latest", "second"]


def test_a_dangling_latest_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("removed")
    link_latest(tmp_path / "first")
    assert os.readlink(tmp_path / "latest") == "first"


def test_what_is_no_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "latest").write_text("mine")
    link_latest(tmp_path / "first")
    assert (tmp_path / "latest").read_text() == "mine"


def test_without_links_there_is_no_latest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: Any) -> None:
        raise OSError("no links here")

    monkeypatch.setattr(os, "symlink", refuse)
    link_latest(tmp_path / "first")
    assert list(tmp_path.iterdir()) == []
