from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_task import Scripted, env, space

from cpruner.command.recorded import recorded
from cpruner.errors import ArtefactError
from cpruner.search import Saving, SearchResult, search

IDENTITY = {"constraints": ["flops", "params"]}


def searched(run_dir: Path, evaluations: int, name: str = "agent") -> SearchResult:
    """A search that leaves its checkpoint."""
    posed, agent = env(), Scripted((0.3, 0.5, 0.8, 0.6))
    (run_dir / "search").mkdir(exist_ok=True)
    return search(posed, agent, evaluations, saving=Saving(run_dir / "search" / f"{name}.pt", IDENTITY))


def test_the_history_is_that_of_the_search(tmp_path: Path) -> None:
    found = searched(tmp_path, 5)
    kept = recorded(tmp_path, "agent")
    assert kept.constraints == ("flops", "params")
    history = kept.history
    assert history.accuracy == tuple(judgement.score.accuracy for judgement in found.archive)
    assert history.scaled == {
        name: tuple(judgement.readings[k].scaled for judgement in found.archive)
        for k, name in enumerate(("flops", "params"))
    }
    assert history.scalars == {"lessons": (1.0, 2.0, 3.0, 4.0, 5.0)}
    widths = np.array([judgement.candidate.widths for judgement in found.archive])
    assert np.array_equal(np.array(list(history.ratios.values())).T, widths / widths.max(axis=0))
    assert len(history.ratios) == len(space().groups)


def test_a_search_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"expected .*agent\.pt, got no search"):
        recorded(tmp_path, "agent")
    searched(tmp_path, 1, "random")
    with pytest.raises(ArtefactError, match=r"expected .*agent\.pt, got random\. Give the folder"):
        recorded(tmp_path, "agent")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    searched(tmp_path, 2)
    path = tmp_path / "search" / "agent.pt"
    state = torch.load(path, weights_only=True)
    torch.save({key: value for key, value in state.items() if key != "updates"}, path)
    with pytest.raises(ArtefactError, match="expected a checkpoint as written by a search, got KeyError: 'updates'"):
        recorded(tmp_path, "agent")
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ArtefactError, match="expected a checkpoint as written by a search"):
        recorded(tmp_path, "agent")
