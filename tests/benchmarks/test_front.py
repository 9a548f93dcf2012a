import pytest
from front import WAYS, kept, markdown, table, together, within
from measure.entry import Entry
from search import prepared
from tiny_job import job, splits
from tiny_task import judgement

from cpruner.agent import Clipped, OnPolicy, WarmUp
from cpruner.constraint import Budget, Flops
from cpruner.evaluate import score
from cpruner.search import Assistant, Search

JOB = job(budgets=(Budget(Flops(), 0.5),), search=Search(evaluations=15, baselines=[]))
QUICK = Entry(OnPolicy(update=Clipped(epochs=2)), WarmUp(imitation=5, updates=1, episodes=4), Assistant(fewest=5))


def test_the_best_within_a_limit_has_the_lowest_loss_of_those_that_fit() -> None:
    # readings are 100 times what is given, of a dense network at 200
    archive = [
        judgement([1, 1, 1], loss=0.9, flops=0.4),
        judgement([2, 1, 1], loss=0.5, flops=0.8),
        judgement([2, 2, 1], loss=0.7, flops=0.6),
    ]
    assert within(archive, 0.5) is archive[1]
    assert within(archive, 0.3) is archive[2]
    assert within(archive, 0.2) is archive[0]
    assert within(archive, 0.1) is None


@pytest.mark.integration
def test_one_search_serves_every_limit() -> None:
    ready = prepared(JOB)[0]
    limits = (0.5, 0.3)
    found = together(ready, JOB, QUICK, 0, limits)
    for way in (WAYS[0], WAYS[2]):
        assert len(found[way]) == len(limits)
    for limit, best, own in zip(limits, found[WAYS[0]], found[WAYS[2]], strict=True):
        for chosen in (best, own):
            assert chosen.readings[0].value <= limit * chosen.readings[0].dense
    assert found[WAYS[2]][0].readings[0].value > 0.3 * found[WAYS[2]][0].readings[0].dense  # it was told the limit
    row = kept(ready, splits(), found[WAYS[0]][0])
    assert row is not None
    assert row["search_loss"] == found[WAYS[0]][0].score.loss
    assert row["test_accuracy"] == score(ready.finish(found[WAYS[0]][0].candidate), splits().test).accuracy
    assert kept(ready, splits(), None) is None


def test_the_table_has_means_and_spreads_and_leaves_out_what_was_not_found() -> None:
    def numbers(loss: float, accuracy: float) -> dict[str, float]:
        return {"search_loss": loss, "test_accuracy": accuracy, "cost": 0.5}

    first = {WAYS[0]: numbers(0.2, 0.9), WAYS[1]: numbers(0.3, 0.8), WAYS[2]: None}
    second = {WAYS[0]: numbers(0.4, 0.7), WAYS[1]: None, WAYS[2]: None}
    shown = table({"task": "x", "limits": [0.5], "seeds": {"0": {"0.5": first}, "1": {"0.5": second}}})
    cells = [next(iter(column.cells)) for column in shown.columns]
    expected = ["0.300 +- 0.141", "80.00 +- 14.14", "0.300", "80.00", "-", "-"]
    assert cells == ["0.5", *expected]
    page = markdown([("x", {"limits": [0.5], "seeds": {"0": {"0.5": first}, "1": {"0.5": second}}})]).splitlines()
    assert page[0].startswith("| network | FLOPs at most | seeds | one search: loss | one search: test % |")
    assert page[2] == f"| x | 0.5 | 2 | {' | '.join(expected)} |"
