import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from tiny_run import pruned
from tiny_task import Scripted, env

from cpruner.agent import Clipped, OnPolicy, Random, WarmUp
from cpruner.cmdp import Episode
from cpruner.command.diagnose import diagnose, probe_episodes
from cpruner.env import entry_names
from cpruner.errors import ArtefactError, InputError
from cpruner.finetune import FineTune
from cpruner.history import History, Past
from cpruner.search import Assistant, Saving, search

CONSTRAINTS = ("flops", "params")
IDENTITY = {"constraints": list(CONSTRAINTS)}
COLD = {"warm_up": WarmUp(enabled=False), "assistant": Assistant(proposals=1, moves=0), "finetune": FineTune(epochs=0)}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 50 evaluations whose history lies beside it; random choices are there, too."""
    folder = tmp_path_factory.mktemp("run")
    agent, random = OnPolicy(episodes_per_update=10, update=Clipped(epochs=5)), {"random": Random()}
    past = Past(store=str(folder.parent / "history.sqlite"))
    pruned(agent=agent, evaluations=50, baselines=random, past=past, run_dir=folder, **COLD)
    return folder


def beside(run_dir: Path) -> str:
    return str(run_dir.parent / "history.sqlite")


def diagnosed(*arguments: str, stored: Callable[[Path], str | None] = beside) -> str:
    console = Console(file=io.StringIO(), width=200)
    diagnose(arguments, console, stored)
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
    assert tuple(written["weight"]) == entry_names(CONSTRAINTS)
    assert text.rstrip().endswith(f"written to {run_dir / 'probe.json'}")


def test_warnings_come_before_the_probe(tmp_path: Path) -> None:
    (tmp_path / "search").mkdir()
    posed = env()
    search(posed, Scripted((0.5,)), 60, saving=Saving(tmp_path / "search" / "agent.pt", IDENTITY))
    console = Console(file=io.StringIO(), width=400)
    with pytest.raises(InputError, match=r"got a run that kept none \(past=none\)"):
        diagnose([str(tmp_path)], console, lambda _: None)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert text.startswith("warning: The policy stands still")
    assert "no better than its own beginning" in text
    assert not (tmp_path / "probe.json").exists()


def test_any_search_of_the_run_can_be_probed(run_dir: Path) -> None:
    assert "distinct episodes" in diagnosed(str(run_dir), "random")
    written = json.loads((run_dir / "probe.json").read_text())
    assert (written["search"], written["episodes"]) == ("random", 50)


def test_a_history_elsewhere_is_named(run_dir: Path, tmp_path: Path) -> None:
    for store in (tmp_path / "none.sqlite", tmp_path / "other.sqlite"):
        if store.name == "other.sqlite":
            History(store)
        with pytest.raises(InputError, match=rf"got no such run in {store}\. Call cpruner where the run was started"):
            diagnosed(str(run_dir), stored=lambda _, store=store: str(store))


@pytest.mark.parametrize("arguments", [(), ("one", "two", "three")])
def test_a_run_directory_is_wanted(arguments: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="diagnose: expected a run directory"):
        diagnosed(*arguments)


def test_no_run_is_there(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="run directory: expected"):
        diagnosed(str(tmp_path))


SEEN = ("seen",)


def episode(actions: list[float], steps: int = 2) -> Episode:
    """The first action is seen in the second step, and the return is twice that."""
    observation_TO = np.array([[0.0], [actions[0]]])[:steps]
    reward_T = np.array([0.0, 2 * actions[0]])[:steps]
    return Episode(observation_TO, np.array(actions)[:steps, None], reward_T, np.zeros((steps, 0)))


def test_a_return_that_is_seen_is_predicted() -> None:
    random = np.random.default_rng(0)
    found = probe_episodes([episode(random.random(2).tolist()) for _ in range(100)], SEEN)
    assert found.r2_T[0] == pytest.approx(found.baseline_r2_T[0])
    assert found.r2_T[1] == pytest.approx(1.0, abs=1e-3)
    assert found.weight == {"seen": pytest.approx(0.5, abs=0.05)}  # of the mean over two positions


def test_episodes_are_told_apart_by_the_actions_that_counted() -> None:
    random = np.random.default_rng(0)
    known = [episode([first, 1.5]) for first in random.random(30).tolist()]
    again = [episode([float(one.action_TA[0, 0]) + 1e-4, 1.0]) for one in known]  # clipped and rounded the same
    found = probe_episodes([*known, *again], SEEN)
    assert found.episodes == 60
    assert found.distinct <= 30 + 2  # a few may lie at the edge of a rounding


def test_episodes_of_several_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="all of one shape, got several shapes"):
        probe_episodes([episode([0.5, 0.5]), episode([0.5, 0.5], steps=1)], SEEN)
