"""Tasks that are refused before any long work: their data raises when it is read."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import EXAMPLE, SIZES, SOFT, flops, network, params, task, widths_of
from torch import Tensor, nn

from cpruner.constraint import Budget, External, Flops, Params
from cpruner.errors import CostError, InfeasibleError, InputError, TraceError
from cpruner.evaluate import Judging
from cpruner.prepare import prepare
from cpruner.prepared import Task
from cpruner.repair import Repair

REPAIR = Repair(images=64, positions=4)


class Unread:
    """Data that must not be looked at."""

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        raise AssertionError("the data was read although the task is malformed")


def unread(*budgets: Any, **changed: Any) -> Task:
    """A task whose data raises when it is read."""
    return task(*budgets, **{"train": Unread(), "search": Unread(), **changed})


def test_no_budget_is_refused() -> None:
    empty = Task(network(), EXAMPLE, Unread(), Unread(), [])
    with pytest.raises(InputError, match=r"budgets: expected at least one Budget.*, got none"):
        prepare(empty, REPAIR)


@pytest.mark.parametrize("wrong", [[Flops()], ["flops"], [Budget(Flops(), 0.5), 0.4], Budget(Flops(), 0.5)])
def test_what_is_no_budget_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"budgets: expected at least one Budget, in a list, got .*[Ff]lops"):
        prepare(Task(network(), EXAMPLE, Unread(), Unread(), wrong), REPAIR)


class Normalised(nn.Module):
    """Does what many do, in place."""

    def __init__(self, *, copies: bool) -> None:
        super().__init__()
        self.net, self.copies = network(), copies

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone() if self.copies else x
        logits: Tensor = self.net(x.sub_(0.5))
        return logits


def test_a_model_that_writes_into_its_input_is_refused() -> None:
    before = EXAMPLE.clone()
    with pytest.raises(InputError, match=r"input 0 is changed by a forward pass.*x\.clone\(\)"):
        prepare(unread(Budget(Flops(), 0.5), model=Normalised(copies=False)), REPAIR)
    assert torch.equal(EXAMPLE, before)
    assert prepare(task(Budget(Flops(), 0.5), model=Normalised(copies=True)), REPAIR).space.groups


def test_two_budgets_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="'flops' twice"):
        prepare(unread(Budget(Flops(), 0.5), Budget(Flops(), 0.4)), REPAIR)


@pytest.mark.parametrize("limit", [0, 0.0, -1, "-3 MFLOPs", "0 %"])
def test_a_limit_that_is_not_positive_is_refused(limit: float | str) -> None:
    with pytest.raises(InputError, match="limit of budget 'flops': expected a finite number above 0"):
        prepare(unread(Budget(Flops(), limit)), REPAIR)


@pytest.mark.parametrize(
    ("budget", "constraint", "limit", "smallest"),
    [
        (Budget(Flops(), 0.1), "flops", 1513.6, flops(1, 1, 1)),
        (Budget(Flops(), 1531), "flops", 1531.0, 1532.0),
        (Budget(Params(), 52, name="size"), "size", 52.0, params(1, 1, 1)),
        (Budget(External(lambda net, x: sum(widths_of(net)), name="width"), 2.5), "width", 2.5, 3.0),
    ],
)
def test_a_budget_below_the_smallest_network_is_refused(
    budget: Budget, constraint: str, limit: float, smallest: float
) -> None:
    with pytest.raises(InfeasibleError) as caught:
        prepare(unread(Budget(Params(), 0.9, name="loose"), budget), REPAIR)
    error = caught.value
    assert (error.constraint, error.limit, error.smallest) == (constraint, pytest.approx(limit), smallest)


def test_a_cost_that_falls_with_width_is_not_mistaken_for_out_of_reach() -> None:
    def thinness(model: nn.Module, inputs: Any) -> float:
        return 20.0 - sum(widths_of(model))  # 2 for the dense network, 17 for the smallest

    ready = prepare(task(Budget(Flops(), 0.5), Budget(External(thinness), 9.0)), REPAIR)
    assert ready.env(SOFT).judge(ready.space.at([0.5, 0.5, 0.75])).feasible
    with pytest.raises(InfeasibleError, match=r"'thinness' .* limit 1\.5 , smallest value reached 2 "):
        prepare(unread(Budget(External(thinness), 1.5)), REPAIR)


def raising(model: nn.Module, inputs: Any) -> float:
    raise OSError("no meter")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (raising, "cost 'raising': expected a finite number, got OSError: no meter"),
        (lambda model, inputs: float("nan"), "cost 'watt': expected a finite number, got nan"),
        (lambda model, inputs: float("inf"), "cost 'watt': expected a finite number, got inf"),
        (lambda model, inputs: "12 W", r"cost 'watt': expected a finite number, got '12 W' \(str\)"),
        (lambda model: 1.0, "cost 'watt': expected a finite number, got TypeError"),
    ],
)
def test_a_cost_that_fails_is_named(function: Callable[..., Any], message: str) -> None:
    cost = External(function, name="" if function is raising else "watt")
    with pytest.raises(CostError, match=message):
        prepare(unread(Budget(cost, 2.0)), REPAIR)


def test_a_cost_that_only_fails_on_a_small_network_is_found_early() -> None:
    def picky(model: nn.Module, inputs: Any) -> float:
        return 5.0 if widths_of(model) == SIZES else float("nan")

    with pytest.raises(CostError, match="cost 'picky'"):
        prepare(unread(Budget(External(picky), 4.0)), REPAIR)


def test_a_network_with_nothing_to_remove_is_refused_with_the_reasons() -> None:
    one_layer = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    with pytest.raises(InputError, match=r"(?s)at least one prunable group, got none.*output of the network"):
        prepare(unread(model=one_layer), REPAIR)


@pytest.mark.parametrize("example", [torch.zeros(1, 3, 8, 8), torch.zeros(8), (EXAMPLE, EXAMPLE), ()])
def test_an_example_the_model_cannot_run_on_is_refused(example: Any) -> None:
    with pytest.raises(TraceError, match="model: expected to run on the example inputs"):
        prepare(unread(example_inputs=example), REPAIR)


@pytest.mark.parametrize(("empty", "what"), [("search", "batches"), ("train", "train"), ("statistics", "train")])
def test_empty_data_is_refused(empty: str, what: str) -> None:
    with pytest.raises(InputError, match=f"{what}: expected at least one"):
        prepare(task(**{empty: []}), REPAIR)


def test_judgements_with_measured_costs_are_not_shared(tmp_path: Path) -> None:
    posed = unread(Budget(Flops(), 0.5), Budget(External(lambda network, inputs: 1.0, name="energy"), 2.0))
    with pytest.raises(InputError, match=r"judging\.memo: expected budgets that are counted, got \['energy'\]"):
        prepare(posed, REPAIR, judging=Judging(memo=str(tmp_path / "memo.sqlite")))
    assert list(tmp_path.iterdir()) == []


def test_a_memo_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memo.sqlite").write_bytes(b"the text of something else")
    with pytest.raises(InputError, match="expected a file of judgements"):
        prepare(unread(), REPAIR, judging=Judging(memo=str(tmp_path / "memo.sqlite")))
