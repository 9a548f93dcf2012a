import pytest
from predicted import rates, seconds
from search import prepared
from tiny_job import job

from cpruner.constraint import Budget, Flops
from cpruner.env import PruningProblem
from cpruner.surrogate import surrogate


def test_the_first_run_is_not_counted() -> None:
    runs: list[int] = []
    assert seconds(lambda: runs.append(len(runs)), 3) >= 0.0
    assert runs == [0, 1, 2, 3]


@pytest.mark.integration
def test_every_way_has_a_rate_and_real_judgements_are_as_many_as_said() -> None:
    ready, _ = prepared(job(budgets=(Budget(Flops(), 0.5),)))
    made = surrogate(ready.task.model, ready.space, ready.statistics, 1e-4)
    found = rates(ready, made, PruningProblem(), many=50, repeats=1)
    assert list(found) == ["lockstep", "one at a time", "judged", "floor"]
    assert all(rate > 0.0 for rate in found.values())
    assert 1 <= len(ready.memo) <= 10
    assert found["lockstep"] > found["one at a time"]
