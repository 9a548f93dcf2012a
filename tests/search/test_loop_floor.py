"""Searches that abandon hopeless candidates."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
from tiny_task import SOFT, Scripted, by_width, env
from torch import nn

from cpruner.agent import CrossEntropy
from cpruner.env import PruningEnv, PruningProblem
from cpruner.evaluate import Score
from cpruner.search import FILE, Progress, Saving, SearchResult, search


class Abandoning:
    """Judges by width, and abandons below the floor."""

    def __init__(self) -> None:
        self.floors: list[float] = []

    def __call__(self, network: nn.Module, floor: float = 0.0) -> Score:
        self.floors.append(floor)
        full = by_width(network)
        return full if full.accuracy >= floor else Score(full.accuracy / 2, 1.0, 1, None, floor)


def abandoning(problem: PruningProblem = SOFT) -> tuple[PruningEnv, Abandoning]:
    judge = Abandoning()
    posed = env(problem=problem, score=judge)
    posed.judge = dataclasses.replace(posed.judge, abandon=True)
    return posed, judge


def test_the_floor_is_the_best_feasible_accuracy_before_the_update() -> None:
    posed, judge = abandoning()
    script = [0.2] * 3 + [0.5] * 3 + [0.4] * 3 + [0.3] * 3 + [1.0] * 3
    result = search(posed, Scripted(script, episodes_per_update=2), 5)
    best = result.archive[1].score.accuracy
    assert judge.floors == [0.0, 0.0, best, best, best]  # the dense network is not feasible
    assert [judged.score.complete for judged in result.archive] == [True, True, False, False, True]
    assert result.best is result.archive[1]


@pytest.mark.parametrize("stop", [3, 6])
def test_a_search_that_abandons_goes_on_as_if_nothing_had_happened(stop: int, tmp_path: Path) -> None:
    def play(evaluations: int, resume: Path | None = None, watch: Any = None) -> SearchResult:
        posed, _ = abandoning(PruningProblem())
        saving = Saving(tmp_path / FILE, {"model": "tiny"}, resume)
        agent = CrossEntropy(episodes_per_update=2).build(posed.problem, 0)
        return search(posed, agent, evaluations, saving=saving, watch=watch)

    def interrupt(progress: Progress) -> None:
        if progress.evaluations == stop:
            raise KeyboardInterrupt

    whole = play(9)
    assert any(not judged.score.complete for judged in whole.archive)
    with pytest.raises(KeyboardInterrupt):
        play(9, watch=interrupt)
    assert play(9, resume=tmp_path / FILE) == whole
