import io
import json
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tiny_task import Scripted, env

from cpruner.agent import OnPolicy, Random
from cpruner.cmdp import Episode
from cpruner.command.diagnose import diagnose, entry_names, probe_episodes
from cpruner.errors import ArtefactError, InputError
from cpruner.search import Saving, search

CONSTRAINTS = ("flops", "params")
IDENTITY = {"constraints": list(CONSTRAINTS)}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose agent has learned from 50 episodes; random choices are there, too."""
    folder = tmp_path_factory.mktemp("run")
    (folder / "search").mkdir()
    for name, spec in (("agent", OnPolicy(episodes_per_update=10)), ("random", Random())):
        posed = env()
        search(posed, spec.build(posed.problem, 0), 50, saving=Saving(folder / "search" / f"{name}.pt", IDENTITY))
    return folder


def diagnosed(*arguments: str) -> str:
    console = Console(file=io.StringIO(), width=200)
    diagnose(arguments, console, lambda _: None)
    shown: str = console.file.getvalue()  # type: ignore[attr-defined]
    return shown


def test_table_verdict_and_file(run_dir: Path) -> None:
    text = diagnosed(str(run_dir))
    for words in (
        "R² on episodes left out",
        "3 of 3",
        "one probe for all",
        "distinct episodes",
        "what carries the most",
    ):
        assert words in text
    written = json.loads((run_dir / "probe.json").read_text())
    assert written["search"] == "agent"
    assert written["episodes"] == 50
    assert len(written["r2_T"]) == len(written["baseline_r2_T"]) == 3
    assert tuple(written["weight"]) == entry_names(env().problem.observation_size, CONSTRAINTS)
    assert text.rstrip().endswith(f"written to {run_dir / 'probe.json'}")


def test_warnings_come_before_the_probe(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    posed = env()
    search(posed, Scripted((0.5,)), 60, saving=Saving(tmp_path / "search" / "agent.pt", IDENTITY))
    console = Console(file=io.StringIO(), width=400)
    with pytest.raises(InputError, match=r"episodes: expected observations .* got none"):
        diagnose([str(tmp_path)], console, lambda _: None)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.startswith("warning: The policy stands still")
    assert "no better than its own beginning" in text
    assert not (tmp_path / "probe.json").exists()


def test_a_search_without_episodes_is_refused(run_dir: Path) -> None:
    with pytest.raises(InputError, match="on-policy and off-policy agents do"):
        diagnosed(str(run_dir), "random")


@pytest.mark.parametrize("arguments", [(), ("one", "two", "three")])
def test_a_run_directory_is_wanted(arguments: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="diagnose: expected a run directory"):
        diagnosed(*arguments)


def test_no_run_is_there(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="run directory: expected"):
        diagnosed(str(tmp_path))


def episode(actions: list[float], steps: int = 2) -> Episode:
    """The first action is seen in the second step, and the return is twice that."""
    observation_TO = np.array([[0.0], [actions[0]]])[:steps]
    reward_T = np.array([0.0, 2 * actions[0]])[:steps]
    return Episode(observation_TO, np.array(actions)[:steps, None], reward_T, np.zeros((steps, 0)))


def test_a_return_that_is_seen_is_predicted() -> None:
    random = np.random.default_rng(0)
    found = probe_episodes([episode(random.random(2).tolist()) for _ in range(100)])
    assert found.r2_T[0] == pytest.approx(found.baseline_r2_T[0])
    assert found.r2_T[1] == pytest.approx(1.0, abs=1e-3)
    assert found.weight == {"entry 0": pytest.approx(0.5, abs=0.05)}  # of the mean over two positions


def test_episodes_are_told_apart_by_the_actions_that_counted() -> None:
    random = np.random.default_rng(0)
    known = [episode([first, 1.5]) for first in random.random(30).tolist()]
    again = [episode([float(one.action_TA[0, 0]) + 1e-4, 1.0]) for one in known]  # clipped and rounded the same
    found = probe_episodes([*known, *again])
    assert found.episodes == 60
    assert found.distinct <= 30 + 2  # a few may lie at the edge of a rounding


def test_episodes_of_several_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="all of one shape, got several shapes"):
        probe_episodes([episode([0.5, 0.5]), episode([0.5, 0.5], steps=1)])


def test_entries_are_named_after_the_layout_or_numbered() -> None:
    names = entry_names(18, CONSTRAINTS)
    assert len(set(names)) == len(names) == 18
    assert names[0] == "position"
    assert names[12:15] == ("previous action", "mean ratio so far", "flops if the rest stays dense")
    assert names[-1] == "params if the rest goes to the lowest"
    assert entry_names(19, CONSTRAINTS) == (*names, "share of the limits")
    assert entry_names(20, CONSTRAINTS)[19] == "entry 19"
    assert entry_names(3, CONSTRAINTS) == ("entry 0", "entry 1", "entry 2")
