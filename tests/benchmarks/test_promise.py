import pytest
import torch
from promise import FINISHED, MORE, best, correlations, rows, some
from search import prepared
from tiny_job import job, splits
from tiny_task import judgement

from cpruner.constraint import Budget, Flops
from cpruner.evaluate import score


def test_the_best_are_feasible_and_come_once() -> None:
    made = [judgement((1, 1, n + 1), accuracy, flops=flops) for n, (accuracy, flops) in enumerate(
        [(0.5, 0.9), (0.9, 1.2), (0.7, 0.9), (0.6, 0.9)]
    )]  # fmt: skip
    assert best([*made, made[2]], 2, "accuracy") == [made[2], made[3]]


def test_correlations_by_hand() -> None:
    found = [
        {"accuracy": 0.9, "loss": -0.5, "test_accuracy": 0.1, "test_loss": -0.3},
        {"accuracy": 0.8, "loss": -0.4, "test_accuracy": 0.2, "test_loss": -0.2},
        {"accuracy": 0.7, "loss": -0.3, "test_accuracy": 0.3, "test_loss": -0.4},
    ]
    assert correlations(found) == {
        "accuracy": pytest.approx({"test_accuracy": -1.0, "test_loss": 0.5}),
        "loss": pytest.approx({"test_accuracy": 1.0, "test_loss": -0.5}),
    }


def test_some_batches_have_at_least_as_many_images_as_asked_for() -> None:
    batches = [(torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64))] * 4
    assert [len(some(batches, images)) for images in (1, 3, 4, 12, 99)] == [1, 1, 2, 4, 4]


def test_a_row_is_of_the_network_that_would_be_returned() -> None:
    ready, _ = prepared(job(budgets=(Budget(Flops(), 0.5),)))
    judged = ready.judge(ready.space.uniform(0.5))
    (row,) = rows(ready, splits(), [judged])
    assert row[FINISHED] == -score(ready.finish(judged.candidate), splits().search).loss
    assert row["test_accuracy"] == score(ready.finish(judged.candidate), splits().test).accuracy
    assert row[MORE] == -score(ready.finish(judged.candidate), splits().train_eval).loss  # all of them: fewer than 4000
    assert row["accuracy"] == judged.score.accuracy
    assert row["loss"] == -judged.score.loss
