"""Which warnings the screen shows, and when."""

import io

import pytest
from rich.console import Console
from tiny_task import judgement

from cpruner.screen import Screen
from cpruner.search import Progress


@pytest.fixture
def screen() -> Screen:
    return Screen(Console(file=io.StringIO(), width=120))


def shown(screen: Screen) -> str:
    file = screen.console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def standing_still(screen: Screen, name: str, total: int = 100, start: int = 0) -> None:
    """A search in which one network is judged over and over."""
    show, good = screen.evaluation(name), judgement((2, 3, 4), 0.6, flops=0.75)
    for done in range(start + 1, total + 1):
        show(Progress(done, total, good, good, None))
    screen.close()


def test_a_warning_is_shown_once(screen: Screen) -> None:
    standing_still(screen, "agent")
    text = shown(screen).replace("\n", " ")
    assert text.count("warning: ") == 2
    assert text.count("The policy stands still") == text.count("no better than its own beginning") == 1


def test_baselines_may_stand_still(screen: Screen) -> None:
    for name in ("uniform", "random"):
        standing_still(screen, name)
    assert "warning" not in shown(screen)


def test_after_the_random_search_the_agent_is_compared_with_it(screen: Screen) -> None:
    show = screen.evaluation("agent")
    for done in range(1, 101):  # it learns, and other widths come all the time
        found = judgement((1 + done % 4, 1 + done % 6, 1 + done % 5), 0.4 + 0.001 * done, flops=0.75)
        show(Progress(done, 100, found, found, None))
    assert "warning" not in shown(screen)
    standing_still(screen, "random")
    assert "no better than random choices after 100 evaluations each" in shown(screen).replace("\n", " ")


def test_a_search_that_goes_on_is_not_compared_with_its_beginning(screen: Screen) -> None:
    standing_still(screen, "agent", total=120, start=20)
    text = shown(screen).replace("\n", " ")
    assert "The policy stands still" in text
    assert "beginning" not in text
