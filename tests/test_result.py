import dataclasses
import json
from pathlib import Path

import pytest
import torch
from tiny_run import pruned
from tiny_task import judgement, network, widths_of

from cpruner.agent import Uniform
from cpruner.candidate import load
from cpruner.constraint import Budget, External, Flops
from cpruner.errors import ArtefactError
from cpruner.evaluate import Score, score
from cpruner.result import Result
from cpruner.search import SearchResult, front


@pytest.fixture(scope="module")
def result() -> Result:
    width = Budget(External(lambda net, inputs: sum(widths_of(net)), name="width"), 12)
    return pruned(Budget(Flops(), 0.5), width, evaluations=8, seed=3, baselines={"uniform": Uniform()})


def test_it_keeps_how_it_came_about(result: Result) -> None:
    assert result.seed == 3
    assert result.searched.candidate == result.candidate
    repaired = result.prepared.finish(result.candidate)
    assert result.training.start_accuracy == score(repaired, result.prepared.task.search).accuracy
    assert result.prepared.task.model is not result.model
    assert [reading.name for reading in result.readings] == ["flops", "width"]


def test_the_front_is_that_of_everything_judged(result: Result) -> None:
    judged = [one for found in result.searches.values() for one in found.archive]
    assert len(judged) == 16
    assert result.front == front(judged)
    assert set(result.front) <= set(judged)
    others = {**result.searches, "other": SearchResult((best := judgement((4, 6, 8), 1.0, 0.0, flops=0.0, width=0.0),))}
    assert dataclasses.replace(result, searches=others).front == (best,)


def test_printing_tells_accuracies_budgets_and_searches(result: Result) -> None:
    searched = dataclasses.replace(result.searched, score=Score(0.5, 1.0, 180))
    dense = dataclasses.replace(result.prepared.scorer, dense=Score(0.75, 1.0, 180))
    shown = dataclasses.replace(
        result,
        searched=searched,
        score=Score(0.625, 1.0, 180),
        prepared=dataclasses.replace(result.prepared, scorer=dense),
        readings=(
            dataclasses.replace(result.readings[0], value=7000.0),
            dataclasses.replace(result.readings[1], value=13.0),
        ),
        searches={
            "agent": SearchResult((searched, judgement((1, 1, 1), 0.9, flops=1.1))),
            "uniform": SearchResult((judgement((1, 1, 1), 0.9, flops=1.1),)),
        },
    )
    assert str(shown).splitlines() == [
        "search accuracy 75.00% dense -> 50.00% searched -> 62.50% fine-tuned",
        "flops: 7000 FLOPs of at most 7568 FLOPs: met",
        "width: 13 of at most 12: NOT met",
        "best of 2 evaluations by agent: 50.00%",
        "best of 1 evaluations by uniform: no feasible candidate",
    ]


def test_a_real_result_prints_every_budget_as_met(result: Result) -> None:
    lines = str(result).splitlines()
    assert len(lines) == 1 + 2 + 2
    for reading, line in zip(result.readings, lines[1:3], strict=True):
        assert line.startswith(f"{reading.name}: {reading.value:.6g}")
        assert line.endswith(": met")


def test_what_is_saved_computes_the_same_when_loaded(result: Result, tmp_path: Path) -> None:
    result.save(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["candidate.json", "weights.safetensors"]
    kept = json.loads((tmp_path / "run" / "candidate.json").read_text())["kept"]
    assert tuple(tuple(group) for group in kept.values()) == result.candidate.kept
    back = load(tmp_path / "run", lambda: network(seed=7))  # any weights
    images = torch.randn(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(back(images), result.model(images))
    assert result.prepared.read(back) == result.readings


def test_saving_takes_text_and_replaces_what_was_there(result: Result, tmp_path: Path) -> None:
    result.save(str(tmp_path))
    (tmp_path / "weights.safetensors").write_bytes(b"damaged")
    result.save(str(tmp_path))
    assert widths_of(load(tmp_path, network)) == result.candidate.widths


def test_a_directory_that_cannot_be_written_is_named(result: Result, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtefactError, match=r"expected a writable folder, got .*file"):
        result.save(tmp_path / "file")


def test_two_results_are_only_equal_if_they_are_the_same(result: Result) -> None:
    assert result != dataclasses.replace(result)
    assert len({result, result}) == 1
