"""Run directories of the pipeline: what they hold, and how an interrupted run goes on."""

import copy
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import Told, equal, pruned, weights
from tiny_task import BUDGETS, task, widths_of
from torch import nn

from cpruner.agent import CrossEntropy, Random
from cpruner.candidate import load
from cpruner.constraint import Budget, External, Flops, Params
from cpruner.env import PruningProblem
from cpruner.errors import CheckpointError
from cpruner.evaluate import Judging, Numerics
from cpruner.ranking import Rank
from cpruner.repair import Repair
from cpruner.result import Result
from cpruner.settings import AGENT
from cpruner.space import Scope


def test_it_holds_the_artefact_that_was_measured(tmp_path: Path) -> None:
    result = pruned(run_dir=tmp_path / "run", baselines={"random": Random()})
    files = {path.relative_to(tmp_path / "run").as_posix() for path in (tmp_path / "run").rglob("*.*")}
    assert files == {"candidate.json", "weights.safetensors", "search/agent.pt", "search/random.pt"}
    back = load(tmp_path / "run", lambda: copy.deepcopy(task().model))
    assert equal(weights(back), weights(result.model))


def test_what_is_returned_was_read_back_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[nn.Module] = []

    def spy(*arguments: Any) -> nn.Module:
        loaded.append(load(*arguments))
        return loaded[-1]

    monkeypatch.setattr("cpruner.pipeline.load", spy)
    assert [pruned(run_dir=tmp_path).model] == loaded
    assert pruned().model is not loaded[0]
    assert len(loaded) == 1


def test_it_changes_nothing_about_the_result(tmp_path: Path) -> None:
    inside, outside = pruned(run_dir=tmp_path), pruned()
    assert inside.searches == outside.searches
    assert inside.readings == outside.readings
    assert equal(weights(inside.model), weights(outside.model))


BOTH: dict[str, Any] = {"agent": CrossEntropy(episodes_per_update=2), "baselines": {"random": Random()}}


@cache
def whole() -> Result:
    """A run of both that nothing interrupts."""
    return pruned(**BOTH)


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run of two evaluations; what is refused leaves it as it is."""
    folder = tmp_path_factory.mktemp("short")
    pruned(run_dir=folder, evaluations=2)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


STOPS, LATER = ("agent 4/6", "random 2/6", "epoch 1"), ("agent 6/6", "random 6/6", "finetune")


@pytest.mark.integration
@pytest.mark.parametrize("stop", [*STOPS, *(pytest.param(stop, marks=pytest.mark.slow) for stop in LATER)])
def test_an_interrupted_run_goes_on_as_if_nothing_had_happened(stop: str, tmp_path: Path) -> None:
    def interrupt(event: str) -> None:
        if event == stop:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pruned(**BOTH, run_dir=tmp_path / "one", watcher=Told(interrupt))
    told = Told()
    resumed = pruned(**BOTH, run_dir=tmp_path / "two", resume=tmp_path / "one", watcher=told)
    assert resumed.searches == whole().searches
    assert resumed.readings == whole().readings
    assert equal(weights(resumed.model), weights(whole().model))
    assert "agent 1/6" not in told.events


@pytest.mark.integration
def test_a_run_goes_on_in_its_own_directory_unless_given_another(tmp_path: Path) -> None:
    pruned(run_dir=tmp_path, evaluations=3)
    longer = pruned(resume=tmp_path, evaluations=6)
    assert longer.searches == pruned(evaluations=6).searches
    assert len(torch.load(tmp_path / "search" / "agent.pt", weights_only=True)["archive"]) == 6


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"seed": 1}, "seed"),
        ({"agent": Random(low=0.2)}, "agent"),
        ({"agent": CrossEntropy()}, "agent"),
        ({"repair": Repair(images=32, positions=4)}, "repair"),
        ({"ranking": Rank("l1")}, "ranking"),
        ({"problem": PruningProblem(feasibility="soft")}, "problem"),
        ({"space": Scope(multiple_of=2)}, "space"),
        ({"judging": Judging(images=100)}, "judging"),
    ],
)
def test_another_run_is_refused(changed: dict[str, Any], named: str, short: Path) -> None:
    before = contents(short)
    with pytest.raises(CheckpointError, match=rf"expected {named} = .*, got .*It belongs to another search"):
        pruned(resume=short, evaluations=2, **changed)
    assert contents(short) == before


def test_another_model_budget_or_constraint_is_refused(short: Path) -> None:
    other = task().model
    with torch.no_grad():
        other[0].weight[0, 0, 0, 0] += 1e-3  # type: ignore[index]
    for named, arguments in (
        ("model", {"given": {"model": other}}),
        ("constraints", {"given": {"budgets": [BUDGETS[0]]}}),
        ("limits", {"given": {"budgets": [BUDGETS[0], Budget(Params(), 0.41)]}}),
        ("limits", {"given": {"example_inputs": torch.zeros(1, 1, 9, 8)}}),
    ):
        with pytest.raises(CheckpointError, match=f"expected {named} = "):
            pruned(resume=short, evaluations=2, **arguments)


@pytest.mark.integration
def test_a_noisy_dense_cost_does_not_keep_a_run_from_going_on(tmp_path: Path) -> None:
    calls: list[int] = []

    def joule(model: nn.Module, inputs: Any) -> float:
        calls.append(1)
        return float(sum(widths_of(model))) + 0.001 * len(calls)

    energy = Budget(External(joule, unit="J"), "90 %")
    first = pruned(Budget(Flops(), 0.5), energy, run_dir=tmp_path, evaluations=3)
    longer = pruned(Budget(Flops(), 0.5), energy, resume=tmp_path, evaluations=5)
    assert longer.searches[AGENT].archive[:3] == first.searches[AGENT].archive
    with pytest.raises(CheckpointError, match="expected limits = "):
        pruned(Budget(Flops(), 0.5), Budget(External(joule, unit="J"), "80 %"), resume=tmp_path)


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_run_that_cannot_be_continued_is_refused(damage: str, short: Path, tmp_path: Path) -> None:
    shutil.copytree(short, tmp_path / "old")
    saved = tmp_path / "old" / "search" / "agent.pt"
    if damage == "missing":
        saved.unlink()
    else:
        saved.write_bytes(saved.read_bytes()[:200])
    with pytest.raises(CheckpointError, match=r"expected .*agent\.pt"):
        pruned(run_dir=tmp_path / "new", resume=tmp_path / "old")


@pytest.mark.integration
def test_a_run_goes_on_with_what_was_measured_in_the_first_place(tmp_path: Path, monkeypatch: Any) -> None:
    choices = iter([Numerics(30, channels_last=True), Numerics(60)])
    monkeypatch.setattr("cpruner.evaluate.scorer.fastest", lambda *_: (next(choices), ()))
    measured = Judging(mode="measured")
    first = pruned(run_dir=tmp_path / "one", evaluations=2, judging=measured)
    longer = pruned(run_dir=tmp_path / "two", resume=tmp_path / "one", evaluations=4, judging=measured)
    assert longer.prepared.scorer.judging == first.prepared.scorer.judging
    assert first.prepared.scorer.numerics == Numerics(30, channels_last=True)
    assert longer.searches[AGENT].archive[:2] == first.searches[AGENT].archive
    assert pruned(resume=tmp_path / "two", evaluations=4, judging=measured).searches == longer.searches
    with pytest.raises(CheckpointError, match="expected judging = "):
        pruned(resume=tmp_path / "one", evaluations=4)
