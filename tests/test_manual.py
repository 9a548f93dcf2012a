from io import StringIO
from pathlib import Path

import cpruner.conf
from rich.console import Console

from cpruner.catalogue import SPECS
from cpruner.manual import manual


def text() -> str:
    console = Console(file=StringIO(), width=200)
    console.print(manual(SPECS, Path(cpruner.conf.__path__[0])))
    shown: str = console.file.getvalue()  # type: ignore[attr-defined]
    return "\n".join(line.strip() for line in shown.splitlines())


def test_names_every_group_and_its_choices() -> None:
    shown = text()
    for group, choice in (("constraint", "latency"), ("agent", "ppo_lagrangian"), ("experiment", "resnet20_cifar10")):
        line = next(line for line in shown.splitlines() if line.startswith(f"{group} "))
        assert choice in line


def test_shows_default_range_and_meaning_of_an_option() -> None:
    line = next(line for line in text().splitlines() if line.startswith("search.evaluations"))
    assert line.split()[1] == "200"
    assert "1 .." in line
    assert "candidates judged" in line


def test_shows_the_choices_of_a_text_option() -> None:
    line = next(line for line in text().splitlines() if line.startswith("repair.mode"))
    assert "none | recalibrate | static | sequential" in line


def test_a_range_with_both_ends() -> None:
    line = next(line for line in text().splitlines() if line.startswith("problem.lowest"))
    assert "0.0 .. 1.0" in line


def test_says_whose_option_it_is_where_a_group_has_several() -> None:
    assert "agent.low (random)" in text()
