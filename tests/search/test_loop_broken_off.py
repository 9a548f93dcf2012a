"""What a search that does not come to its end leaves behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_task import SOFT, Scripted, env, widths_of
from torch import nn

from cpruner.candidate import Candidate
from cpruner.constraint import Budget, External
from cpruner.env import PruningProblem
from cpruner.errors import CostError
from cpruner.search import FILE, Progress, Saving, search

IDENTITY = {"model": "tiny", "seed": 0}


def stop(count: int) -> Callable[[Progress], None]:
    def watch(progress: Progress) -> None:
        if progress.evaluations == count:
            raise KeyboardInterrupt

    return watch


def test_what_was_judged_when_the_search_breaks_off_is_not_judged_again(tmp_path: Path) -> None:
    script = [1.0] * 3 + [0.75] * 3 + [0.5] * 3 + [0.25] * 3
    agent = Scripted(script, episodes_per_update=4)
    with pytest.raises(KeyboardInterrupt):
        search(env(problem=SOFT), agent, 4, saving=Saving(tmp_path / FILE, IDENTITY), watch=stop(3))
    built: list[Candidate] = []
    saving = Saving(tmp_path / FILE, IDENTITY, tmp_path / FILE)
    resumed = search(env(problem=SOFT, built=built), Scripted(script, episodes_per_update=4), 4, saving=saving)
    assert [candidate.widths for candidate in built] == [(1, 2, 2)]
    assert resumed == search(env(problem=SOFT), Scripted(script, episodes_per_update=4), 4)


def test_results_that_came_before_their_turn_are_kept_when_the_search_breaks_off(tmp_path: Path) -> None:
    posed = env(problem=SOFT)
    late = posed.space.at([0.25] * 3)

    def judged(candidates: Any, floor: float | None = None) -> Any:
        posed.judge.memo[late] = posed.judge.anew(late)
        yield posed.judge(candidates[0])
        raise CostError("the meter is off")

    object.__setattr__(posed.judge, "all", judged)
    agent = Scripted([1.0] * 3 + [0.5] * 3 + [0.25] * 3, episodes_per_update=3)
    with pytest.raises(CostError, match="the meter is off"):
        search(posed, agent, 3, saving=Saving(tmp_path / FILE, IDENTITY))
    state = torch.load(tmp_path / FILE, weights_only=True)
    assert [len(record["kept"][0]) for record in state["archive"]] == [4, 1]
    assert (state["updates"], state["agent"]) == ([], {"steps": 0})


def test_a_cost_that_fails_while_budgets_are_repaired_is_asked_once_and_nothing_is_lost(tmp_path: Path) -> None:
    failed: list[bool] = []
    reached: list[Progress] = []

    def energy(network: nn.Module, inputs: Any) -> float:
        if reached:
            failed.append(True)
            raise RuntimeError("the meter is off")
        return float(widths_of(network)[0])

    posed = env((Budget(External(energy), 2.0),), PruningProblem(feasibility="repaired", reward="accuracy"))
    with pytest.raises(CostError, match="the meter is off"):
        search(
            posed,
            Scripted([0.5] * 3 + [0.9, 0.3, 0.3]),
            2,
            saving=Saving(tmp_path / FILE, IDENTITY),
            watch=reached.append,
        )
    assert len(failed) == 1
    assert len(torch.load(tmp_path / FILE, weights_only=True)["archive"]) == 1


def test_the_reason_for_the_end_is_shown_even_if_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        search(env(), Scripted(), 2, saving=Saving(tmp_path / "nowhere" / FILE, IDENTITY), watch=stop(1))
