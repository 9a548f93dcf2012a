import io
import sys

import pytest
from rich.console import Console

from cpruner.report import PhaseProgress, SearchProgress
from cpruner.report.progress import describe


def plain() -> Console:
    return Console(file=io.StringIO(), width=80)


def test_describe():
    text = describe(0.842, {"flops": 0.98, "latency": 1.071}, {"flops": 0.12, "latency": 0.0})
    assert text == "best 84.20 %  flops 0.98  latency 1.07!  lambda flops 0.12 latency 0"
    assert describe(None, {}, {}) == "best none within budgets yet"


def test_without_a_terminal_there_is_a_line_every_tenth():
    console = plain()
    with SearchProgress(200, console) as progress:
        for done in range(1, 201):
            progress.update(done, done / 1000, {"flops": 1.2}, {"flops": 0.5})
    lines = console.file.getvalue().splitlines()
    assert [line.split()[1] for line in lines] == [f"{20 * k}/200" for k in range(1, 11)]
    assert lines[0] == "search 20/200  best 2.00 %  flops 1.20!  lambda flops 0.5"


@pytest.mark.parametrize("total", [1, 3, 7, 10, 11, 99])
def test_last_evaluation_always_gets_its_line(total):
    console = plain()
    with SearchProgress(total, console) as progress:
        for done in range(1, total + 1):
            progress.update(done, None, {}, {})
    lines = console.file.getvalue().splitlines()
    assert len(lines) <= 10
    assert lines[-1].startswith(f"search {total}/{total} ")


def test_big_steps_give_one_line_each():
    console = plain()
    with SearchProgress(100, console) as progress:
        for done in (32, 64, 96, 100):
            progress.update(done, None, {}, {})
    assert [line.split()[1] for line in console.file.getvalue().splitlines()] == [
        "32/100",
        "64/100",
        "96/100",
        "100/100",
    ]


def test_lines_are_not_wrapped_and_brackets_are_text():
    console = plain()
    with SearchProgress(1, console) as progress:
        progress.update(1, 0.5, {f"[b]budget {index}": 0.5 for index in range(9)}, {})
    (line,) = console.file.getvalue().splitlines()
    assert line.count("[b]budget") == 9


def test_terminal_gets_one_live_line():
    console = terminal()
    with SearchProgress(4, console) as progress:
        progress.update(3, 0.5, {"[/x]": 0.9}, {})
    text = console.file.getvalue()
    assert "3/4" in text
    assert "best 50.00 %  [/x] 0.90" in text
    assert "\x1b[?25h" in text  # the cursor is shown again


def terminal():
    return Console(file=io.StringIO(), width=120, force_terminal=True, _environ={"TERM": "xterm"})


def test_a_phase_has_a_bar_without_an_end():
    console = terminal()
    with PhaseProgress("[/x] prepare", console):
        assert "[/x] prepare" in console.file.getvalue()
    assert console.file.getvalue().endswith("\x1b[2K")  # wiped out


def test_a_phase_says_nothing_without_a_terminal():
    console = plain()
    with PhaseProgress("prepare", console):
        pass
    assert console.file.getvalue() == ""


@pytest.mark.parametrize("watched", [True, False])
def test_what_the_program_prints_goes_where_it_was_meant_to_go(monkeypatch, watched):
    """A line into a watched stdout must not tear the live line; one into a pipe must arrive there."""
    stdout, console = io.StringIO(), terminal()
    monkeypatch.setattr(stdout, "isatty", lambda: watched)
    monkeypatch.setattr(sys, "stdout", stdout)
    with SearchProgress(2, console):
        sys.stdout.write("a result\n")
    assert ("a result" in console.file.getvalue()) is watched
    assert ("a result" in stdout.getvalue()) is not watched
    assert sys.stdout is stdout


def test_two_at_once_do_not_share_anything():
    first, second = plain(), plain()
    with SearchProgress(1, first) as one, SearchProgress(1, second) as two:
        one.update(1, 0.1, {}, {})
        two.update(1, 0.2, {}, {})
    assert "10.00 %" in first.file.getvalue()
    assert "20.00 %" in second.file.getvalue()
