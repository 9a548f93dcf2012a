import json
from pathlib import Path
from typing import Any

import pytest
from measure.drawing import drawn
from repair import MODES
from reward import METRICS, accepted, cells, correlations, first, page, row, spec_of, stored, tuned
from tiny_job import job, same, splits

from cpruner.constraint import Budget, Flops
from cpruner.finetune import FineTune
from cpruner.prepare import prepare
from cpruner.prepared import Prepared, Task

JOB = job(budgets=(Budget(Flops(), 0.5),), finetune=FineTune(epochs=7, warmup_epochs=2))
OPTIONS = accepted().parse_args(["--epochs", "1", "--train-images", "200"])


@pytest.fixture(scope="module")
def ready() -> Prepared:
    data = splits()
    model = JOB.model.build(data.classes, data.example)
    task = Task(model, data.example, data.train, data.search, JOB.budgets, data.train_eval)
    return prepare(task, JOB.repair, JOB.space)


@pytest.fixture(scope="module")
def found(ready: Prepared) -> dict[str, Any]:
    return row(ready, JOB, splits(), 0, OPTIONS)


def test_a_row_has_every_reward_and_the_accuracy_after_fine_tuning(ready: Prepared, found: dict[str, Any]) -> None:
    assert list(found["scores"]) == list(MODES)
    for scores in found["scores"].values():
        assert list(scores) == ["100", "250", "359"]
        assert all(list(values) == list(METRICS) for values in scores.values())
    assert 0 <= found["tuned_test_accuracy"] <= 1
    assert set(found["seconds"]) == {*MODES, "tune"}


def test_the_reward_of_the_task_is_that_of_a_search(ready: Prepared, found: dict[str, Any]) -> None:
    env = ready.env(JOB.problem)
    judged = env.judge(drawn(env, JOB.seed, 0)).score
    values = found["scores"][JOB.repair.mode]["359"]
    assert (judged.accuracy, judged.images) == (values["accuracy"], 359)
    assert judged.divergence == pytest.approx(values["divergence"], rel=1e-4)


def test_fine_tuning_is_short_seeded_and_keeps_the_last_state(ready: Prepared) -> None:
    spec = spec_of(JOB, OPTIONS)
    assert (spec.epochs, spec.lr, spec.warmup_epochs) == (1, 0.005, 0)
    one, two = (tuned(ready, ready.build(ready.space.uniform(0.5)), splits(), spec, 200) for _ in range(2))
    assert same(one, two)
    assert not same(one, ready.build(ready.space.uniform(0.5)))
    assert not one.training
    assert [len(labels) for _, labels in first(splits(), 200)] == [50, 50, 50, 50]


def test_correlations_have_the_sign_of_the_reward(found: dict[str, Any]) -> None:
    rows = []
    for index in range(6):
        value = {"accuracy": index / 6, "loss": 1 - index / 6, "divergence": index / 6}
        scores = {mode: {"100": value} for mode in MODES}
        rows.append({"scores": scores, "tuned_test_accuracy": index / 10})
    made = list(correlations(rows))
    assert len(made) == len(MODES) * len(METRICS)
    assert {one["metric"]: round(one["spearman"]["rho"]) for one in made} == {
        "accuracy": 1,
        "loss": 1,
        "divergence": -1,
    }
    record = {
        "task": "resnet20",
        "identity": {"finetune": "short", "train_images": 5},
        "environment": {"command": "python x", "device": "a chip"},
        "correlations": made,
        "rows": rows,
    }
    header, lines = cells(record)
    assert header == ["repair", "metric", "100 images"]
    assert lines[2][:2] == ["none", "divergence"]
    assert "over 6 random candidates" in page(record)
    assert "The search split flatters" in page(record)


def test_only_rows_of_the_same_benchmark_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "reward.json"
    assert stored(path, {"seed": 0}) == []
    path.write_text(json.dumps({"identity": {"seed": 0}, "rows": [1, 2]}))
    assert stored(path, {"seed": 0}) == [1, 2]
    assert stored(path, {"seed": 1}) == []
