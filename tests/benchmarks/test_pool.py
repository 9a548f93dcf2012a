import pytest
from pool import line, measured, one, pools, started
from search import prepared
from tiny_job import job

from cpruner.finetune import FineTune
from cpruner.pool import Pool

JOB = job(dense=FineTune(epochs=0))


def test_every_backend_is_tried_with_one_worker_up_to_the_most() -> None:
    assert pools(["serial", "local"], 2) == {
        "serial": Pool(),
        "local 1": Pool(backend="local"),
        "local 2": Pool(backend="local", workers=2),
    }
    assert list(pools(["ray"], 1)) == ["ray 1"]


@pytest.mark.integration
def test_every_search_starts_from_an_empty_memory() -> None:
    ready, _ = prepared(JOB)
    with ready.workers(Pool()) as workers:
        assert started(ready, workers, 1) > 0
        first = one(ready, JOB, workers, 0)
        ready.memo[ready.space.dense()] = first.archive[0]
        assert one(ready, JOB, workers, 0) == first
        assert ready.space.dense() not in ready.memo


@pytest.mark.integration
def test_what_is_kept_and_shown() -> None:
    ready, _ = prepared(JOB)
    facts = measured(ready, JOB, {"serial": Pool(), "again": Pool(threads=1)}, 2)
    assert list(facts) == ["serial", "again"]
    assert facts["serial"]["minute"]["n"] == 2
    shown = line(
        "local 2", {"start_s": {"median": 4.0}, "minute": {"median": 150.0, "low": 140.0, "high": 160.0}}, 100.0
    )
    assert shown == "local 2: 150 (140 to 160) evaluations per minute, 1.50 times serial; start 4.0 s"


@pytest.mark.slow
def test_a_pool_that_finds_something_else_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, _ = prepared(JOB)
    seeds = iter([0, 1])
    monkeypatch.setattr("pool.one", lambda ready, job, workers, seed: one(ready, job, workers, next(seeds)))
    with pytest.raises(SystemExit, match="again, seed 0: another result than serial's"):
        measured(ready, JOB, {"serial": Pool(), "again": Pool()}, 1)
