from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import BUDGETS, EXAMPLE, SIZES, SOFT, flops, params, task
from torch import nn

from cpruner.constraint import Budget, Flops, Latency, Params
from cpruner.data import TensorBatches
from cpruner.evaluate import Judging, score
from cpruner.prepare import prepare
from cpruner.prepared import Prepared, Task
from cpruner.ranking import Evidence, Rank, rank
from cpruner.repair import Repair
from cpruner.repair.statistics import cache
from cpruner.space import Scope, trace

REPAIR = Repair(images=64, positions=4)


@pytest.fixture(scope="module")
def prepared() -> Prepared:
    return prepare(task(), REPAIR)


def state(model: nn.Module) -> list[Any]:
    """Everything that could change in a model, and torch's random state."""
    tensors = [(name, tensor.clone()) for name, tensor in model.state_dict().items()]
    modes = [
        (module.training, len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()
    ]
    return [tensors, modes, [p.grad for p in model.parameters()], torch.get_rng_state()]


def unchanged(before: list[Any], after: list[Any]) -> bool:
    tensors = all(n == m and torch.equal(x, y) for (n, x), (m, y) in zip(before[0], after[0], strict=True))
    return tensors and before[1:3] == after[1:3] and torch.equal(before[3], after[3])


def test_the_dense_network_is_measured_and_judged(prepared: Prepared) -> None:
    assert prepared.costs == {"flops": flops(*SIZES), "params": params(*SIZES)}
    assert [(reading.value, reading.limit) for reading in prepared.dense] == [(15136.0, 7568.0), (810.0, 324.0)]
    assert prepared.dense_score == score(prepared.task.model, prepared.task.search)
    assert prepared.dense_score.images == 180
    assert prepared.space.sizes == SIZES


def test_statistics_come_from_the_training_images(prepared: Prepared) -> None:
    train = prepared.task.train
    assert isinstance(train, TensorBatches)
    assert torch.equal(prepared.statistics.images, train.images[:64])
    assert set(prepared.statistics.layers) == {"0.weight", "3.weight", "6.weight", "11.weight"}


def test_statistics_may_come_from_elsewhere() -> None:
    given = task()
    assert isinstance(given.train, TensorBatches)
    other = TensorBatches(given.train.images[-40:], given.train.labels[-40:], 16)
    elsewhere = prepare(task(statistics=other), REPAIR)
    assert torch.equal(elsewhere.statistics.images, given.train.images[-40:])


def test_statistics_are_kept_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CPRUNER_CACHE", str(tmp_path))
    given = task()
    first = prepare(given, replace(REPAIR, cache=False))
    assert list(tmp_path.iterdir()) == []
    second = prepare(given, REPAIR)
    (kept,) = (tmp_path / "statistics").iterdir()
    monkeypatch.setattr(cache, "gather", None)
    third = prepare(given, REPAIR)
    assert list((tmp_path / "statistics").iterdir()) == [kept]
    candidate = first.space.uniform(0.5)
    states = [ready.build(candidate).state_dict() for ready in (first, second, third)]
    assert all(torch.equal(value, other[name]) for other in states[1:] for name, value in states[0].items())


def test_statistics_of_a_network_that_learnt_on_are_gathered_anew() -> None:
    given = task()
    prepare(given, REPAIR)
    given.model[0].weight.data[0] += 1e-3  # type: ignore[index, operator, union-attr]
    fresh, found = (prepare(given, spec).statistics.layers for spec in (replace(REPAIR, cache=False), REPAIR))
    assert torch.equal(found["3.weight"].dense.A_GDD, fresh["3.weight"].dense.A_GDD)


def test_channels_are_ranked_as_asked(prepared: Prepared) -> None:
    traced = trace(prepared.task.model, EXAMPLE)
    expected = rank(Evidence(prepared.task.model, traced, statistics=prepared.statistics))
    by_norm = prepare(task(), REPAIR, ranking=Rank("joint"))
    assert prepared.space.ranking == expected
    assert by_norm.space.ranking == traced.ranking != expected


def test_a_ranking_sees_the_training_images_of_its_seed() -> None:
    given = task()
    assert isinstance(given.train, TensorBatches)
    shuffled = TensorBatches(given.train.images, given.train.labels, 32, torch.Generator().manual_seed(1))
    spec = Rank("taylor", images=64, seed=3)
    found = prepare(task(train=shuffled), REPAIR, ranking=spec).space
    assert found.ranking == rank(Evidence(given.model, found, shuffled.reseeded(3), spec=spec))


def test_widths_are_rounded_as_asked() -> None:
    even = prepare(task(), REPAIR, Scope(multiple_of=2)).space
    assert even.rounding.multiple_of == 2
    assert even.uniform(0.4).widths == (2, 2, 4)


def test_the_shuffled_images_do_not_depend_on_what_was_read_before() -> None:
    given = task()
    assert isinstance(given.train, TensorBatches)
    shuffled = TensorBatches(given.train.images, given.train.labels, 32, torch.Generator().manual_seed(1))
    one, two = (prepare(task(train=shuffled), REPAIR).statistics.images for _ in range(2))
    assert torch.equal(one, two)


def test_candidates_are_judged_as_asked() -> None:
    ready = prepare(task(), REPAIR, judging=Judging(images=50, abandon=True, batch_size=10))
    judge = ready.env(SOFT).judge
    assert (judge.abandon, ready.dense_score.images) == (True, 180)
    assert judge(ready.space.dense(), floor=0.1).score.images == 50
    assert judge(ready.space.smallest(), floor=1.0).score.abandoned == 1.0
    assert not prepare(task(), REPAIR).env(SOFT).judge.abandon


def test_a_judged_candidate_knows_how_far_it_is_from_the_dense_network(prepared: Prepared) -> None:
    judge = prepared.env(SOFT).judge
    same, small = (
        judge(candidate).score.divergence for candidate in (prepared.space.dense(), prepared.space.smallest())
    )
    assert same == pytest.approx(0.0, abs=1e-4)  # repaired on few images
    assert small is not None
    assert small > 0.1


@pytest.mark.integration
def test_a_memo_on_disk_is_shared_by_equal_tasks_only(tmp_path: Path) -> None:
    def hits(posed: Task, repair: Repair = REPAIR, **options: Any) -> int:
        ready = prepare(posed, repair, judging=Judging(memo=str(tmp_path / "memo.sqlite"), **options))
        ready.env(SOFT).judge(ready.space.uniform(0.5))
        return ready.memo.hits

    model = task().model
    model[0].weight.data += 1e-3  # type: ignore[index,union-attr,operator]
    fewer = TensorBatches(task().search.images[:90], task().search.labels[:90], 30)  # type: ignore[attr-defined]
    assert hits(task()) == 0
    assert hits(task()) == hits(task()) == 1
    others = [(task(model=model),), (task(search=fewer),), (task(Budget(Flops(), 0.6)),), (task(), Repair(images=32))]
    assert [hits(*other) for other in others] == [0, 0, 0, 0]
    assert hits(task(), images=50) == 0
    assert hits(task()) == 1


@pytest.mark.parametrize("mode", ["eval", "train", "mixed"])
def test_the_model_and_the_random_state_stay_as_they_were(mode: str) -> None:
    model = task().model.train(mode != "eval")
    if mode == "mixed":
        model[1].eval()  # type: ignore[index]
    before = state(model)
    ready = prepare(task(model=model), REPAIR)
    ready.build(ready.space.uniform(0.5))
    ready.env(SOFT).judge(ready.space.uniform(0.3))
    assert ready.fingerprint
    assert unchanged(before, state(model))


def test_a_latency_can_be_a_budget() -> None:
    ready = prepare(task(*BUDGETS, Budget(Latency(warmup=1, repeats=3), "1000 ms")), REPAIR)
    assert ready.dense[2].limit == 1000.0
    assert 0 < ready.costs["latency"] < 1000.0


def test_a_budget_met_by_the_smallest_network_alone_is_accepted() -> None:
    ready = prepare(task(Budget(Flops(), 1532), Budget(Params(), 53)), REPAIR)
    assert ready.env(SOFT).judge(ready.space.smallest()).feasible
