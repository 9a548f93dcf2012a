import inspect
import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from drive import interrupting
from tiny_run import pruned
from tiny_task import env, judgement, space

from cpruner.agent import Random
from cpruner.evaluate import Score
from cpruner.finetune import EpochLog
from cpruner.screen import Screen
from cpruner.search import Progress, search
from cpruner.settings import Settings
from cpruner.watch import Silent, Watcher, usual


class Terminal(io.StringIO):
    """A stream that somebody watches."""

    def isatty(self) -> bool:
        return True


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Be run from one. Not a fixture: pytest puts its own stderr in place again before the test."""
    with pytest.MonkeyPatch.context() as world:
        stream = Terminal()
        world.setattr(sys, "stderr", stream)
        world.setenv("TERM", "xterm")
        yield stream


def calls(kind: type) -> dict[str, list[str]]:
    """Public methods of a class and the names of their arguments."""
    methods = inspect.getmembers(kind, inspect.isfunction)
    return {name: list(inspect.signature(method).parameters) for name, method in methods if not name.startswith("_")}


def test_silence_hears_everything_a_watcher_hears() -> None:
    assert calls(Silent) == calls(Watcher)
    assert set(calls(Silent)) == {"phase", "prepared", "evaluation", "epoch", "close"}


def test_a_screen_hears_everything_a_watcher_hears() -> None:
    heard = calls(Screen)
    assert {name: heard[name] for name in calls(Watcher)} == calls(Watcher)


def test_silence_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    silent: Watcher = Silent()
    silent.phase("prepare")
    silent.prepared(space(), (), Score(0.5, 1.0, 10))
    judged = judgement((1, 1, 1), flops=0.5)
    heard = silent.evaluation("agent")
    heard(Progress(1, 2, judged, judged, None))
    silent.epoch(EpochLog(1, 0.1, 1.0, 0.5, 1.0, 0.1))
    silent.close()
    assert capsys.readouterr() == ("", "")


def test_a_search_runs_the_same_with_it_and_without() -> None:
    one, two = (env() for _ in range(2))
    watched = search(one, Random().build(one.problem, 0), 3, watch=Silent().evaluation("agent"))
    assert watched == search(two, Random().build(two.problem, 0), 3)


def test_by_default_a_terminal_is_shown_the_progress(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal() as screen:
        assert isinstance(usual(), Screen)
        pruned(evaluations=2)
    for words in ("prepare", "dense network", "search: agent", "2/2", "best ", "finetune", "epoch 1"):
        assert words in screen.getvalue()
    assert capsys.readouterr() == ("", "")  # stdout is for the program's own output


def test_by_default_a_pipe_is_told_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert isinstance(usual(), Silent)
    pruned(evaluations=2)
    assert capfd.readouterr() == ("", "")


def test_a_program_without_streams_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert isinstance(Settings().watcher, Silent)


def test_silence_can_be_asked_for_in_a_terminal() -> None:
    with terminal() as screen:
        pruned(evaluations=2, watcher=Silent())
    assert screen.getvalue() == ""


@pytest.mark.parametrize("evaluation", [1, 2])
def test_after_an_interruption_the_terminal_is_as_it_was(evaluation: int) -> None:
    with terminal() as screen, pytest.MonkeyPatch.context() as world:
        interrupting(evaluation)(world)
        with pytest.raises(KeyboardInterrupt):
            pruned(evaluations=2)
        assert sys.stderr is screen
    hidden, back = "\x1b[?25l", "\x1b[?25h"  # the cursor
    assert screen.getvalue().count(hidden) == screen.getvalue().count(back) == evaluation + 1
