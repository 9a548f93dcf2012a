from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_task import Scripted, env, space

from cpruner.agent import OnPolicy, Random
from cpruner.agent.off_policy import DDPG
from cpruner.cmdp import AgentSpec, Episode
from cpruner.command.recorded import recorded
from cpruner.errors import ArtefactError
from cpruner.search import Saving, SearchResult, search

IDENTITY = {"constraints": ["flops", "params"]}


def searched(run_dir: Path, spec: AgentSpec | None, evaluations: int, name: str = "agent") -> tuple[SearchResult, Any]:
    """A search that leaves its checkpoint, and its agent."""
    posed = env()
    agent: Any = Scripted((0.3, 0.5, 0.8, 0.6)) if spec is None else spec.build(posed.problem, 0)
    (run_dir / "search").mkdir(exist_ok=True)
    found = search(posed, agent, evaluations, saving=Saving(run_dir / "search" / f"{name}.pt", IDENTITY))
    return found, agent


def same(left: Episode, right: Episode) -> bool:
    parts = ("observation_TO", "action_TA", "reward_T", "cost_TK")
    return all(np.array_equal(getattr(left, part), getattr(right, part)) for part in parts)


def test_the_history_is_that_of_the_search(tmp_path: Path) -> None:
    found, _ = searched(tmp_path, None, 5)
    history = recorded(tmp_path, "agent").history
    assert history.reward == tuple(judgement.score.accuracy for judgement in found.archive)
    assert history.scaled == {
        name: tuple(judgement.readings[k].scaled for judgement in found.archive)
        for k, name in enumerate(("flops", "params"))
    }
    assert history.scalars == {"lessons": (1.0, 2.0, 3.0, 4.0, 5.0)}
    widths = np.array([judgement.candidate.widths for judgement in found.archive])
    assert np.array_equal(np.array(list(history.ratios.values())).T, widths / widths.max(axis=0))
    assert len(history.ratios) == len(space().groups)


def test_on_policy_agents_remember_the_episodes_of_the_last_updates(tmp_path: Path) -> None:
    found, _ = searched(tmp_path, OnPolicy(episodes_per_update=2, reuse=2), 6)
    kept = recorded(tmp_path, "agent")
    assert kept.constraints == ("flops", "params")
    assert [episode.total_reward for episode in kept.episodes] == [j.score.accuracy for j in found.archive[-4:]]
    assert all(episode.observation_TO.shape == (3, env().problem.observation_size) for episode in kept.episodes)
    assert all(episode.cost_TK.shape == (3, 2) for episode in kept.episodes)


def test_off_policy_agents_remember_their_replay(tmp_path: Path) -> None:
    learnt: list[Episode] = []
    posed = env()
    agent = DDPG(warmup=2, gradient_steps=1, batch=4).build(posed.problem, 0)
    update = agent.update

    def listening(episodes: Any) -> Any:
        learnt.extend(episodes)
        return update(episodes)

    agent.update = listening  # type: ignore[method-assign]
    (tmp_path / "search").mkdir()
    search(posed, agent, 4, saving=Saving(tmp_path / "search" / "agent.pt", IDENTITY))
    kept = recorded(tmp_path, "agent").episodes
    assert len(kept) == len(learnt) == 4
    assert all(same(left, right) for left, right in zip(kept, learnt, strict=True))


def test_other_agents_remember_none(tmp_path: Path) -> None:
    searched(tmp_path, Random(), 3, "random")
    assert recorded(tmp_path, "random").episodes == ()


def test_a_search_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match=r"expected .*agent\.pt, got no search"):
        recorded(tmp_path, "agent")
    searched(tmp_path, None, 1, "random")
    with pytest.raises(ArtefactError, match=r"expected .*agent\.pt, got random\. Give the folder"):
        recorded(tmp_path, "agent")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    searched(tmp_path, None, 2)
    path = tmp_path / "search" / "agent.pt"
    state = torch.load(path, weights_only=True)
    torch.save({key: value for key, value in state.items() if key != "updates"}, path)
    with pytest.raises(ArtefactError, match="expected a checkpoint as written by a search, got KeyError: 'updates'"):
        recorded(tmp_path, "agent")
    path.write_bytes(b"no checkpoint")
    with pytest.raises(ArtefactError, match="expected a checkpoint as written by a search"):
        recorded(tmp_path, "agent")
