"""Costs that get worse between the phases of a run: what is promised must hold on what is returned."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tiny_run import Told, pruned
from tiny_task import task, widths_of
from torch import nn

from cpruner.agent import Uniform
from cpruner.candidate import load
from cpruner.constraint import Budget, External
from cpruner.env import PruningProblem
from cpruner.errors import CostError, InfeasibleError
from cpruner.settings import AGENT


class Meter:
    """A cost whose numbers get worse once it is switched to ``worse``: channels in all, plus what is added."""

    def __init__(self) -> None:
        self.added: Callable[[nn.Module], float] = lambda model: 0.0

    def __call__(self, model: nn.Module, inputs: Any) -> float:
        return float(sum(widths_of(model))) + self.added(model)

    def budget(self, limit: float) -> Budget:
        return Budget(External(self, name="meter", unit="W"), limit)


def test_none_that_holds_when_measured_again_is_an_error_that_says_so() -> None:
    meter = Meter()

    def at(event: str) -> None:
        if event == "agent 6/6":
            meter.added = lambda model: 5.5

    with pytest.raises(InfeasibleError, match="met once but not when measured again") as caught:
        pruned(meter.budget(8), watcher=Told(at), problem=PruningProblem(lowest=0.0), agent=Uniform([0.4, 0.1]))
    error = caught.value
    assert (error.constraint, error.limit, error.unit) == ("meter", 8.0, "W")
    assert error.smallest == 3 + 5.5  # (1, 1, 1) measured again
    assert error.smallest > error.limit


def test_the_best_that_holds_twice_is_taken() -> None:
    meter = Meter()

    def at(event: str) -> None:
        if event == "agent 8/8":
            meter.added = lambda model: 0.0 if sum(widths_of(model)) <= 6 else 100.0

    result = pruned(meter.budget(9), evaluations=8, watcher=Told(at))
    ranked = result.searches[AGENT].ranked
    assert result.searched == next(judged for judged in ranked if sum(judged.candidate.widths) <= 6)
    assert result.searched != ranked[0]


def test_a_network_that_fails_after_fine_tuning_is_not_returned_but_kept_on_disk(tmp_path: Path) -> None:
    meter = Meter()

    def at(event: str) -> None:
        if event == "finetune":
            meter.added = lambda model: 50.0

    with pytest.raises(InfeasibleError, match="held during the search but not on the saved network") as caught:
        pruned(meter.budget(9), watcher=Told(at), run_dir=tmp_path, agent=Uniform([0.4]))
    assert (caught.value.constraint, caught.value.smallest) == ("meter", 57.0)  # 2 + 2 + 3 channels
    assert sum(widths_of(load(tmp_path, lambda: task().model))) == 7


def test_a_cost_that_fails_in_the_middle_is_named() -> None:
    meter = Meter()

    def at(event: str) -> None:
        if event == "agent 2/6":
            meter.added = lambda model: float("nan")

    with pytest.raises(CostError, match="cost 'meter': expected a finite number, got nan"):
        pruned(meter.budget(9), watcher=Told(at))
