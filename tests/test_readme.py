"""README.md is run, not believed: its Python blocks run in order as one session, its ``cpruner`` lines must compose.

All in this process, which has torch and Hydra at hand; test_packaging.py starts the installed program.
"""

import itertools
import re
import runpy
import shlex
from pathlib import Path

import pytest
from drive import Command

import cpruner as cpruner_package
from cpruner.data import Digits
from cpruner.model import SmallResNet

README = Path(__file__).parents[1] / "README.md"
DOCS = README.parent / "docs"
SHELL = ("bash", "console", "sh")


def blocks(markdown: str, *languages: str) -> list[str]:
    """Text of every fenced block in one of the languages."""
    fenced = re.findall(r"^```(\w+)[^\n]*\n(.*?)^```", markdown, flags=re.MULTILINE | re.DOTALL)
    return [text for language, text in fenced if language in languages]


def commands(markdown: str) -> list[list[str]]:
    """Arguments of every ``cpruner`` line in a shell block, prompt, comments and line continuations taken off."""
    text = "\n".join(blocks(markdown, *SHELL)).replace("\\\n", " ")
    words = (shlex.split(line.removeprefix("$ "), comments=True) for line in text.splitlines())
    return [line[1:] for line in words if line[:1] == ["cpruner"]]


def single_runs(arguments: list[str]) -> list[list[str]]:
    """A multirun as single runs in which every swept value occurs once; any other command as it is.

    Hydra refuses ``--cfg`` together with ``--multirun``, hence this.
    """
    if not {"-m", "--multirun"} & set(arguments):
        return [arguments]
    choices = [_choices(argument) for argument in arguments if argument not in {"-m", "--multirun"}]
    longest = max(len(choice) for choice in choices)
    return [[choice[i % len(choice)] for choice in choices] for i in range(longest)]


def _choices(argument: str) -> list[str]:
    """``a=1,2`` -> ``a=1``, ``a=2``; commas inside brackets do not separate."""
    key, equals, value = argument.partition("=")
    depths = itertools.accumulate((c in "[{(") - (c in "]})") for c in value)
    cuts = [i for i, (c, depth) in enumerate(zip(value, depths, strict=True)) if c == "," and depth == 0]
    starts, ends = [0, *(cut + 1 for cut in cuts)], [*cuts, len(value)]
    return [f"{key}{equals}{value[start:end]}" for start, end in zip(starts, ends, strict=True)]


def composes(cpruner: Command, arguments: list[str]) -> str | None:
    """None if ``cpruner`` accepts the arguments, else them and what it said; nothing is searched, only shown."""
    show = [] if {"--help", "--cfg", "-c"} & set(arguments) else ["--cfg", "job"]  # options of Hydra come first
    outcome = cpruner(*show, *arguments)
    assert not cpruner.runs()
    return None if outcome.code == 0 else f"{shlex.join(['cpruner', *arguments])}\n{outcome.err[-2000:]}"


@pytest.fixture
def markdown() -> str:
    assert README.is_file(), "README.md is missing"
    return README.read_text(encoding="utf-8")


@pytest.fixture
def cpruner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, tmp_path / "cache", lambda: tuple(capsys.readouterr()))  # type: ignore[arg-type, return-value]


@pytest.mark.integration
def test_python_blocks_run(markdown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = blocks(markdown, "python")
    assert session, "README.md shows no Python"
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "readme.py"
    file.write_text("\n\n".join(session), encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")


def test_the_page_of_the_surrogate_runs(tmp_path: Path) -> None:
    """With the names that README's session leaves behind, and a network that need not be good."""
    splits = Digits().load(seed=0)
    model = SmallResNet(width=6, inner=1).build(splits.classes, splits.example)
    file = tmp_path / "surrogate.py"
    file.write_text(
        "\n\n".join(blocks((DOCS / "surrogate.md").read_text(encoding="utf-8"), "python")), encoding="utf-8"
    )
    made = runpy.run_path(str(file), {"cpruner": cpruner_package, "splits": splits, "model": model})
    counts = made["space"].count(made["space"].best(made["better"].best))
    assert counts.flops <= made["half"][0][1]
    assert made["judge"](made["better"].best) <= made["judge"](made["widths"])


@pytest.mark.integration
def test_commands_compose(markdown: str, cpruner: Command) -> None:
    lines = commands(markdown)
    assert lines, "README.md shows no cpruner command"
    failures = [failure for line in lines for single in single_runs(line) if (failure := composes(cpruner, single))]
    assert not failures, "\n\n".join(failures)


def test_only_cpruner_lines_of_shell_blocks_are_commands() -> None:
    text = (
        "```bash\n$ cpruner a=1  # note\nmake demo\ncpruner \\\n  'b=[x, y]'\n```\n"
        "cpruner no=1\n```python\ncpruner no=2\n```\n```console\ncpruner\n```\n"
    )
    assert commands(text) == [["a=1"], ["b=[x, y]"], []]
    assert blocks(text, "python") == ["cpruner no=2\n"]


def test_a_multirun_becomes_single_runs_with_every_value() -> None:
    arguments = ["-m", "f=0.3,0.5,0.7", "agent=ppo,random", "c=[flops,latency]"]
    assert single_runs(arguments) == [
        ["f=0.3", "agent=ppo", "c=[flops,latency]"],
        ["f=0.5", "agent=random", "c=[flops,latency]"],
        ["f=0.7", "agent=ppo", "c=[flops,latency]"],
    ]
    assert single_runs(["c=1,2"]) == [["c=1,2"]]


def test_a_command_that_does_not_compose_is_shown_with_its_output(cpruner: Command) -> None:
    assert composes(cpruner, ["--help"]) is None
    failure = composes(cpruner, ["agent=random", "model.colour=red"])
    assert failure is not None
    assert failure.startswith("cpruner agent=random model.colour=red\ncpruner: ")
    assert "model.colour" in failure
