import inspect

import pytest
from tiny_task import env, judgement, space

from cpruner.agent import Random
from cpruner.evaluate import Score
from cpruner.finetune import EpochLog
from cpruner.search import Progress, search
from cpruner.watch import Silent, Watcher


def calls(kind: type) -> dict[str, list[str]]:
    """Public methods of a class and the names of their arguments."""
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {name: list(inspect.signature(method).parameters) for name, method in methods if not name.startswith("_")}


def test_silence_hears_everything_a_watcher_hears() -> None:
    assert calls(Silent) == calls(Watcher)
    assert set(calls(Silent)) == {"phase", "prepared", "evaluation", "epoch"}


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent: Watcher = Silent()
    silent.phase("prepare")
    silent.prepared(space(), (), Score(0.5, 1.0, 10))
    judged = judgement((1, 1, 1), flops=0.5)
    heard = silent.evaluation("agent")
    heard(Progress(1, 2, judged, judged, None))
    silent.epoch(EpochLog(1, 0.1, 1.0, 0.5, 1.0, 0.1))
    assert capsys.readouterr() == ("", "")


def test_a_search_runs_the_same_with_it_and_without() -> None:
    one, two = (env() for _ in range(2))
    watched = search(one, Random().build(one.problem, 0), 3, watch=Silent().evaluation("agent"))
    assert watched == search(two, Random().build(two.problem, 0), 3)
