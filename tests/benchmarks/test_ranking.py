import dataclasses

import pytest
import ranking
import torch
from ranking import MODES, rows, summary, table
from repair import halved, prepared
from tiny_job import job, splits

from cpruner.constraint import Budget, Flops
from cpruner.evaluate import score
from cpruner.ranking import CRITERIA, Evidence, Rank, rank

JOB = job(budgets=(Budget(Flops(), 0.5),), ranking=Rank(images=64))


@pytest.mark.slow
def test_every_criterion_chooses_its_channels_for_the_same_widths() -> None:
    data = splits()
    ready = prepared(JOB, JOB.model.build(data.classes, data.example), data, 1)
    found = dict(rows(ready, JOB, data, 1, list(CRITERIA)))
    assert list(found) == list(CRITERIA)
    widths = halved(ready, JOB).widths
    for name, row in found.items():
        assert row["widths"] == list(widths)
        assert row["seconds"] > 0
        images = dataclasses.replace(data.train_eval, generator=torch.Generator().manual_seed(1))
        spec = Rank(name, images=64, seed=1)
        order = rank(Evidence(ready.task.model, ready.space, images, ready.statistics, spec))
        candidate = ready.space.ranked(order).best(widths)
        for mode in MODES:
            network = ready.build(candidate, mode)
            assert row[mode]["test_accuracy"] == score(network, data.test).accuracy
            assert row[mode]["search_accuracy"] == score(network, data.search).accuracy


def test_a_seed_draws_the_images_of_the_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    data, seen = splits(), []
    ready = prepared(JOB, JOB.model.build(data.classes, data.example), data, 1)
    monkeypatch.setattr(ranking, "rank", lambda known: (seen.append(known), known.space.ranking)[1])
    next(rows(ready, JOB, data, 1, ["taylor"]))
    (known,) = seen
    drawn = dataclasses.replace(data.train_eval, generator=torch.Generator().manual_seed(1))
    assert known.spec == Rank("taylor", images=64, seed=1)
    for (inputs, labels), (images, classes) in zip(known.batches, drawn, strict=True):
        assert torch.equal(inputs, images)
        assert torch.equal(labels, classes)


def run(place: int) -> dict[str, object]:
    modes = {mode: {"search_accuracy": place / 4, "test_accuracy": place / 8} for mode in MODES}
    return {"seconds": 9.0 - place, **modes}


def test_the_summary_is_the_median_and_the_range() -> None:
    found = summary({str(n): run(n) for n in (3, 1, 2)})
    assert found["seconds"] == {"median": 7.0, "low": 6.0, "high": 8.0}
    for mode in MODES:
        assert found[mode]["search_accuracy"] == {"median": 0.5, "low": 0.25, "high": 0.75}
        assert found[mode]["test_accuracy"] == pytest.approx({"median": 0.25, "low": 0.125, "high": 0.375})


def test_the_table_shows_test_accuracy_and_seconds() -> None:
    shown = table({"task": "digits", "criteria": {"l1": {"summary": summary({"0": run(1), "1": run(2)})}}})
    cells = [list(column.cells) for column in shown.columns]
    assert cells == [["l1"], *[["18.8 (12.5 .. 25.0)"]] * 3, ["7.50 (7.00 .. 8.00)"]]
