from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_past import deep_env, quick
from tiny_task import BUDGETS, SOFT, env

from cpruner.agent import Clipped, Gaussian, OnPolicy, Perceptron, Random, Recurrent, Table
from cpruner.constraint import Budget, Flops, Params
from cpruner.errors import CheckpointError, InputError
from cpruner.history import transfer
from cpruner.search import Saving, play, search

NAMES = ("flops", "params")
SPEC: dict[str, Any] = {"episodes_per_update": 5, "update": Clipped(epochs=10, lr=0.01)}


def searched(folder: Path, evaluations: int = 30, seed: int = 0, **changed: Any) -> tuple[Path, Any]:
    """A search on the tiny task and its agent."""
    posed = quick(env(problem=SOFT))
    agent = OnPolicy(**SPEC | changed).build(posed.problem, seed)
    path = folder / "agent.pt"
    search(posed, agent, evaluations, saving=Saving(path, {"constraints": list(NAMES), "model": "tiny"}))
    return path, agent


@pytest.mark.parametrize("encoder", [Perceptron(), Recurrent(width=8)])
def test_the_policy_acts_on_another_network_as_it_would_have(encoder: Any, tmp_path: Path) -> None:
    path, teacher = searched(tmp_path, encoder=encoder)
    posed = quick(deep_env(BUDGETS))
    agent = OnPolicy(**SPEC, encoder=encoder).build(posed.problem, seed=7)
    before = play(posed, agent, deterministic=True).action_TA
    transfer(agent, path, posed.problem.constraints, exploration=0.5)
    after = play(posed, agent, deterministic=True).action_TA
    np.testing.assert_array_equal(after, play(posed, teacher, deterministic=True).action_TA)
    assert np.abs(after - before).max() > 0.01


def test_what_belongs_to_the_old_search_stays_behind(tmp_path: Path) -> None:
    path, teacher = searched(tmp_path)
    fresh, agent = (OnPolicy(**SPEC).build(env().problem, seed=7) for _ in range(2))
    transfer(agent, path, NAMES, exploration=0.5)
    theirs, before, after = teacher.state_dict(), fresh.state_dict(), agent.state_dict()
    for part in ("rule", "dual_unit", "memory"):
        assert str(after[part]) == str(before[part])
        assert str(after[part]) != str(theirs[part])
    torch.testing.assert_close(after["generator"], before["generator"], rtol=0, atol=0)
    for part in ("critic", "normaliser"):
        for name, value in after[part].items():
            torch.testing.assert_close(value, theirs[part][name], rtol=0, atol=0)
    spread = after["policy"]["head.log_std_A"].exp()
    assert spread.item() == pytest.approx(0.5 * Gaussian().initial_std)


def test_a_transferred_agent_goes_on_learning(tmp_path: Path) -> None:
    path, _ = searched(tmp_path)
    posed = quick(deep_env(BUDGETS))
    agent = OnPolicy(**SPEC).build(posed.problem, seed=1)
    transfer(agent, path, posed.problem.constraints, exploration=0.5)
    assert len(search(posed, agent, 10).updates) == 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_it_pays_more_for_the_same_cost_than_a_fresh_one(seed: int, tmp_path: Path) -> None:
    """First episodes on a network that was never seen: mean reward over mean cost."""
    path, _ = searched(tmp_path, evaluations=200, seed=seed)
    posed = quick(deep_env(BUDGETS))
    fresh, agent = (OnPolicy(**SPEC).build(posed.problem, seed + 10) for _ in range(2))
    transfer(agent, path, posed.problem.constraints, exploration=0.5)
    pays = []
    for who in (fresh, agent):
        episodes = [play(posed, who) for _ in range(10)]
        cost = np.mean([episode.total_cost_K.max() for episode in episodes])
        pays.append(np.mean([episode.total_reward for episode in episodes]) / cost)
    assert pays[1] > pays[0]


@pytest.mark.parametrize(
    ("budgets", "got"),
    [([Budget(Flops(), 0.5)], "flops, params"), ([Budget(Params(), 0.4), Budget(Flops(), 0.5)], "flops, params")],
)
def test_other_budgets_are_refused_and_nothing_is_changed(budgets: list[Budget], got: str, tmp_path: Path) -> None:
    path, _ = searched(tmp_path, evaluations=5)
    posed = env(budgets)
    agent = OnPolicy(**SPEC).build(posed.problem, seed=0)
    before = str(agent.state_dict())
    with pytest.raises(InputError, match=rf"got {got}\. Give as many budgets as there, with the same names"):
        transfer(agent, path, posed.problem.constraints, exploration=0.5)
    assert str(agent.state_dict()) == before


def test_a_policy_that_counts_the_steps_stays_with_its_depth(tmp_path: Path) -> None:
    path, _ = searched(tmp_path, evaluations=5, encoder=Table())
    agent = OnPolicy(**SPEC, encoder=Table()).build(deep_env(BUDGETS).problem, seed=0)
    with pytest.raises(InputError, match=r"encoder Table.* fits networks with as many groups only"):
        transfer(agent, path, NAMES, exploration=0.5)


def test_an_agent_without_a_policy_is_refused(tmp_path: Path) -> None:
    path, _ = searched(tmp_path, evaluations=5)
    with pytest.raises(InputError, match=r"got .*Random.*\. Choose another agent"):
        transfer(Random().build(env().problem, 0), path, NAMES, exploration=0.5)


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    agent = OnPolicy(**SPEC).build(env().problem, seed=0)
    with pytest.raises(CheckpointError, match="got no such file"):
        transfer(agent, tmp_path / "agent.pt", NAMES, exploration=0.5)
