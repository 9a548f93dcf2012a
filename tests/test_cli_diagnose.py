"""``cpruner diagnose`` from its arguments to its file and exit codes."""

import json
import sys
from pathlib import Path

import pytest
from drive import QUIET, Command
from tiny_job import TRAINED

LEARNING = ("search.evaluations=20", "agent=ppo_lagrangian", "search.baselines=[]")


@pytest.fixture
def cpruner(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(tmp_path, tmp_path / "cache", lambda: tuple(capsys.readouterr()))  # type: ignore[arg-type, return-value]


def without_options(world: pytest.MonkeyPatch) -> None:
    """Hydra's options are no arguments of ``diagnose``."""
    world.setattr(sys, "argv", [word for word in sys.argv if word not in QUIET])


@pytest.mark.integration
def test_a_run_is_diagnosed(cpruner: Command) -> None:
    assert cpruner(*TRAINED, *LEARNING).code == 0
    assert cpruner.result()["warnings"] == []
    outcome = cpruner("diagnose", "runs/cpruner/latest", patch=without_options)
    assert (outcome.code, outcome.err) == (0, "")
    assert "one probe for all" in outcome.out
    assert json.loads((cpruner.folder / "runs/cpruner/latest/probe.json").read_text())["episodes"] == 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nowhere"],
            "cpruner: run directory: expected nowhere/search/agent.pt, got no search. Give the folder of a run",
        ),
        ([], "cpruner: diagnose: expected a run directory, and perhaps the name of a search in it, got nothing."),
    ],
)
def test_a_mistake_ends_in_one_clear_message(cpruner: Command, arguments: list[str], message: str) -> None:
    outcome = cpruner("diagnose", *arguments, patch=without_options)
    assert outcome.code == 2
    assert outcome.err.startswith(message)
    assert "Traceback" not in outcome.err
