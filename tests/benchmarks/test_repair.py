import pytest
import torch
from repair import MODES, ONCE, halved, milliseconds, once, prepared, rows, summary
from tiny_job import job, splits

from cpruner.constraint import Budget, Flops
from cpruner.evaluate import score
from cpruner.prepared import Prepared

JOB = job(budgets=(Budget(Flops(), 0.5),))


def ready(seed: int) -> Prepared:
    data = splits()
    return prepared(JOB, JOB.model.build(data.classes, data.example), data, seed)


@pytest.mark.integration
def test_every_mode_refits_the_same_half() -> None:
    task = ready(0)
    candidate = halved(task, JOB)
    found = dict(rows(task, JOB, splits(), 2))
    assert list(found) == list(MODES)
    for name, row in found.items():
        network = task.build(candidate, name)
        assert row["test_accuracy"] == score(network, splits().test).accuracy
        assert row["search_accuracy"] == score(network, splits().search).accuracy
        assert row["widths"] == list(candidate.widths)
        assert 0.25 < row["flops_of_dense"] <= 0.5
        assert 0 < row["milliseconds_low"] <= row["milliseconds"] <= row["milliseconds_high"]
    assert len(milliseconds(task, candidate, "none", 3)) == 3


def test_what_is_kept_is_refitted_on_more_images_and_polished() -> None:
    task = ready(0)
    candidate = halved(task, JOB)
    found = dict(once(task, JOB, splits(), seed=0, images=96, steps=3))
    assert list(found) == list(ONCE)
    assert all(row["widths"] == list(candidate.widths) and row["milliseconds"] > 0 for row in found.values())
    assert found["final"] != found["polished"]
    unpolished = dict(once(task, JOB, splits(), seed=0, images=96, steps=0))
    same = ("search_accuracy", "test_accuracy")
    assert [unpolished["polished"][key] for key in same] == [found["final"][key] for key in same]


def test_a_seed_draws_the_statistics_images() -> None:
    one, two, other = (ready(seed).statistics.images for seed in (0, 0, 1))
    assert torch.equal(one, two)
    assert not torch.equal(one, other)
    assert one.shape == other.shape == (64, 1, 8, 8)


def test_the_summary_is_the_median_and_the_range() -> None:
    runs = {str(n): {"search_accuracy": n / 4, "test_accuracy": n / 8, "milliseconds": 9.0 - n} for n in (3, 1, 2)}
    found = summary(runs)
    assert found["search_accuracy"] == {"median": 0.5, "low": 0.25, "high": 0.75}
    assert found["milliseconds"] == pytest.approx({"median": 7.0, "low": 6.0, "high": 8.0})
