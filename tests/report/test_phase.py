import io

import pytest
from rich.console import Console

from cpruner.report import Phase


def test_says_what_goes_on_and_when_it_is_over():
    console, seconds = Console(file=io.StringIO()), {}
    with Phase("search", console, seconds) as phase:
        phase.note("400 evaluations [of candidates]")
    lines = console.file.getvalue().splitlines()
    assert lines[:2] == ["search ...", "search 400 evaluations [of candidates]"]
    assert lines[2] == f"search done after {seconds['search']:.1f} s"
    assert seconds["search"] >= 0


def test_failure_is_said_timed_and_passed_on():
    def fail():
        with Phase("repair", console, seconds):
            raise ZeroDivisionError

    console, seconds = Console(file=io.StringIO()), {}
    with pytest.raises(ZeroDivisionError):
        fail()
    assert "repair failed after 0.0 s" in console.file.getvalue()
    assert "repair" in seconds


def test_seconds_are_optional():
    console = Console(file=io.StringIO())
    with Phase("x", console):
        pass
    assert "x done" in console.file.getvalue()
