import math
from functools import cache

import pytest
import torch
from tiny_task import BUDGETS, flops, judgement, params, space, task

from cpruner.agent import Random, Uniform
from cpruner.candidate import Candidate
from cpruner.command.rows import RowMaker, budget_rows, group_widths, history, warnings
from cpruner.constraint import Reading
from cpruner.data import Digits, Splits
from cpruner.evaluate import score
from cpruner.finetune import FineTune
from cpruner.pipeline import run
from cpruner.repair import Repair
from cpruner.report import BudgetRow, GroupWidth
from cpruner.result import Result
from cpruner.search import SearchResult, Update
from cpruner.settings import AGENT, Settings


@cache
def splits() -> Splits:
    return Digits(search_share=0.1, test_share=0.6).load(0)


@cache
def result() -> Result:
    repair = Repair(images=64, positions=2)
    settings = Settings(repair=repair, finetune=FineTune(epochs=0), baselines={"uniform": Uniform()})
    return run(task(), Random(), 4, 0, settings)


def accuracy(candidate: Candidate) -> float:
    """Of the network that would be returned, on the search split."""
    prepared = result().prepared
    return score(prepared.finish(candidate), prepared.task.search).accuracy


@pytest.fixture
def make() -> RowMaker:
    return RowMaker(result(), splits())


def test_the_dense_row_measures_the_network_as_given(make: RowMaker) -> None:
    row = make.dense()
    assert (row.name, row.flops, row.params) == ("dense", flops(4, 6, 8), params(4, 6, 8))
    assert row.macs == flops(4, 6, 8) / 2
    assert row.search_accuracy == result().prepared.dense_score.accuracy
    assert row.test_accuracy == score(result().prepared.task.model, splits().test).accuracy
    assert row.latency_ms is not None
    assert row.latency_ms > 0
    assert row.violation == pytest.approx(1.5)  # 1 / 0.4 - 1, of the parameters
    assert row.evaluations == 0


def test_the_row_of_a_search_is_its_best_candidate(make: RowMaker) -> None:
    for name, found in result().searches.items():
        best, row = found.require(), make.best(name, found)
        assert (row.name, row.evaluations, row.violation) == (name, 4, 0)
        assert row.search_accuracy == accuracy(best.candidate)
        assert row.params == params(*best.candidate.widths)


def test_without_a_feasible_candidate_the_least_violating_one_is_shown(make: RowMaker) -> None:
    archive = (judgement((4, 6, 8), 0.9, flops=1.9), judgement((2, 6, 8), 0.1, flops=1.25))
    row = make.best("random", SearchResult(archive))
    assert (row.flops, row.violation, row.evaluations) == (flops(2, 6, 8), pytest.approx(0.25), 2)


def test_the_searched_row_is_the_chosen_candidate_before_fine_tuning(make: RowMaker) -> None:
    row = make.searched(AGENT, 4)
    assert row.flops == flops(*result().candidate.widths)
    assert row.search_accuracy == accuracy(result().candidate)


def test_a_row_reads_the_network_it_is_given(make: RowMaker) -> None:
    model = result().model
    accuracy = make.row("tuned", model, result().readings).test_accuracy
    with torch.no_grad():
        last = model[-1]  # type: ignore[index]
        last.bias[0] += 1000.0  # every image is a zero now
    try:
        assert accuracy != make.row("tuned", model, result().readings).test_accuracy == pytest.approx(0.1, abs=0.02)
    finally:
        with torch.no_grad():
            last.bias[0] -= 1000.0


def test_budgets_and_widths_become_plain_rows() -> None:
    readings = (Reading("flops", "FLOPs", 90.0, 0.0, 100.0, 200.0), Reading("ram", "MB", 5.0, 0.1, 4.0, 8.0))
    assert budget_rows(readings) == (
        BudgetRow("flops", "FLOPs", 100.0, 90.0, True),
        BudgetRow("ram", "MB", 4.0, 5.0, False),
    )
    widths = group_widths(space(), space().uniform(0.5))
    assert [(width.dense, width.kept) for width in widths] == [(4, 2), (6, 3), (8, 4)]
    assert all(isinstance(width, GroupWidth) and width.name for width in widths)


def test_the_history_of_a_search() -> None:
    archive = (judgement((4, 6, 8), 0.9, flops=1.5, params=2.0), judgement((2, 3, 4), 0.5, flops=0.5, params=0.25))
    updates = (Update(1, 0.9, {}, {"flops": 1.0, "params": 2.0}), Update(2, 0.5, {}, {"flops": 0.5, "params": 0.0}))
    with_multipliers = history(SearchResult(archive, updates))
    assert with_multipliers.accuracy == (0.9, 0.5)
    assert with_multipliers.scaled == {"flops": (1.5, 0.5), "params": (2.0, 0.25)}
    assert with_multipliers.multipliers == {"flops": (1.0, 0.5), "params": (2.0, 0.0)}
    assert history(SearchResult(archive, (Update(2, 0.5, {}),))).multipliers == {}
    assert history(SearchResult(archive)).multipliers == {}
    assert list(with_multipliers.ratios.values()) == [(1.0, 0.5)] * 3
    assert list(with_multipliers.ratios) == [group.name for group in space().groups]


def test_the_warnings_are_on_the_agents_search() -> None:
    widths = [(1 + n % 4, 1 + n % 6, 1 + n % 5) for n in range(100)]
    still = SearchResult((judgement((2, 3, 4), 0.5, flops=0.5),) * 100)
    lively = SearchResult(tuple(judgement(w, 0.5 + n / 1000, flops=0.5) for n, w in enumerate(widths)))
    flat = SearchResult(tuple(judgement(w, 0.5, flops=0.5) for w in widths))
    assert [warning.kind for warning in warnings({AGENT: still})] == ["collapsed", "no better"]
    assert "than its own beginning" in warnings({AGENT: still})[1].text
    assert warnings({AGENT: lively, "uniform": still, "random": still}) == ()
    (compared,) = warnings({AGENT: flat, "random": lively})
    assert compared.kind == "no better"
    assert "than random choices" in compared.text


def test_scalars_of_updates_reach_the_history() -> None:
    archive = (judgement((4, 6, 8), 0.9, flops=1.5),) * 2
    updates = (Update(1, 0.9, {}, {}, {"kl": 0.1}), Update(2, 0.9, {}, {}, {"kl": 0.2, "steps": 3.0}))
    scalars = history(SearchResult(archive, updates)).scalars
    assert scalars["kl"] == (0.1, 0.2)
    assert math.isnan(scalars["steps"][0])
    assert scalars["steps"][1] == 3.0


def test_the_budgets_of_the_task_are_those_of_the_rows() -> None:
    assert [row.name for row in budget_rows(result().readings)] == [budget.name for budget in BUDGETS]
