"""README.md is run, not believed: its Python blocks run in order as one session, its ``cpruner`` lines must compose."""

import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parents[1] / "README.md"
SHELL = ("bash", "console", "sh")
TIMEOUT_SECONDS = 300


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


def run(command: list[str], folder: Path) -> str | None:
    """None if the command succeeds in ``folder``, else the command and the end of what it said."""
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return None if done.returncode == 0 else f"{shlex.join(command)}\n{(done.stdout + done.stderr)[-2000:]}"


def composes(arguments: list[str], folder: Path) -> str | None:
    """None if ``cpruner`` accepts the arguments; nothing is searched, only the configuration is printed."""
    program = str(Path(sys.executable).with_name("cpruner"))
    show = [] if {"--help", "--cfg", "-c"} & set(arguments) else ["--cfg", "job"]
    return run([program, *arguments, *show], folder)


@pytest.fixture
def markdown() -> str:
    assert README.is_file(), "README.md is missing"
    return README.read_text(encoding="utf-8")


def test_python_blocks_run(markdown: str, tmp_path: Path) -> None:
    session = blocks(markdown, "python")
    assert session, "README.md shows no Python"
    (tmp_path / "readme.py").write_text("\n\n".join(session), encoding="utf-8")
    failure = run([sys.executable, "readme.py"], tmp_path)
    assert failure is None, failure


def test_commands_compose(markdown: str, tmp_path: Path) -> None:
    lines = commands(markdown)
    assert lines, "README.md shows no cpruner command"
    failures = [failure for line in lines for single in single_runs(line) if (failure := composes(single, tmp_path))]
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


def test_a_failing_command_is_shown_with_its_output(tmp_path: Path) -> None:
    assert run([sys.executable, "-c", "pass"], tmp_path) is None
    failure = run([sys.executable, "-c", "import sys; sys.exit('no such option')"], tmp_path)
    assert failure is not None
    assert failure.endswith("no such option\n")
