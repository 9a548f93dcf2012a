from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_past import DEEP, deep_env, described, filled, quick
from tiny_task import BUDGETS, SOFT, Scripted, env

from cpruner.agent import Clipped, Gaussian, OnPolicy, Plan, Random
from cpruner.candidate import Candidate
from cpruner.cmdp import Episode
from cpruner.constraint import Budget, Flops
from cpruner.env import PruningProblem
from cpruner.errors import InputError
from cpruner.history import History, Inherited, Past, inherit, lessons
from cpruner.search import Saving, play, search

SPEC: dict[str, Any] = {"episodes_per_update": 5, "update": Clipped(epochs=10, lr=0.01)}
NARROW = Gaussian(initial_std=0.02, std_floor=0.001)


class Filling(Scripted):
    """An agent with a replay."""

    def fill(self, episodes: Sequence[Episode]) -> None:
        self.learnt.append(list(episodes))


def test_nothing_comes_of_nothing(tmp_path: Path) -> None:
    posed = env()
    agent = OnPolicy(**SPEC).build(posed.problem, seed=0)
    before = str(agent.state_dict())
    empty = History(tmp_path / "history.sqlite")
    asked = Past(store="history.sqlite", solutions=5, replay=5)
    assert inherit(empty, described(posed), posed, agent, asked) == Inherited()
    assert inherit(None, described(posed), posed, agent, Past()) == Inherited()
    assert str(agent.state_dict()) == before
    assert len(posed.judge.memo) == 0


def test_a_run_that_only_records_still_saves_what_was_judged(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite")
    built: list[Candidate] = []
    posed = env(built=built)
    agent = Random().build(posed.problem, seed=0)
    told = inherit(history, described(posed), posed, agent, Past(store="history.sqlite"))
    assert told == Inherited(judgements=len(posed.judge.memo))
    assert told.judgements > 5
    drawn = np.random.default_rng(0).uniform(0.1, 1.0, 36).tolist()
    search(posed, Scripted(drawn), 12)
    assert built == []


def test_an_unwanted_archive_stays_away(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite")
    posed = env()
    past = Past(store="history.sqlite", judgements=False, replay=3)
    agent = Filling()
    assert inherit(history, described(posed), posed, agent, past) == Inherited(replayed=3)
    assert len(posed.judge.memo) == 0
    assert [len(episodes) for episodes in agent.learnt] == [3]


@pytest.mark.parametrize("same", [True, False])
def test_an_agent_that_imitates_begins_with_the_best_of_the_past(same: bool, tmp_path: Path) -> None:
    """Also where the past was another network."""
    posed = env(problem=SOFT)
    earlier = quick(env([Budget(Flops(), 0.55)]) if same else deep_env(BUDGETS))
    history, _ = filled(tmp_path / "history.sqlite", earlier, conditions=described(earlier, DEEP).conditions)
    run = described(posed)
    agent = OnPolicy(**SPEC, policy=NARROW).build(posed.problem, seed=0)
    past = Past(store="history.sqlite", solutions=1, imitation=600, imitation_lr=0.01, exploration=0.1)
    assert inherit(history, run, posed, agent, past).imitated == 1
    best = lessons(history, run, posed).best(1, past.near)
    wanted_G = posed.countable.fit_of(best.ratio_NG, posed.options.lowest)[0]
    np.testing.assert_allclose(play(posed, agent, deterministic=True).action_TA[:, 0], wanted_G, atol=0.02)


def test_a_plan_follows_the_best_of_the_past(tmp_path: Path) -> None:
    """It imitates and has no exploration to be left with."""
    history, _ = filled(tmp_path / "history.sqlite")
    posed = env(problem=SOFT)
    run = described(posed)
    agent = Plan().build(posed.problem, seed=0)
    past = Past(store="history.sqlite", solutions=1, judgements=False)
    assert inherit(history, run, posed, agent, past).imitated == 1
    best = lessons(history, run, posed).best(1, past.near)
    wanted_G = posed.countable.fit_of(best.ratio_NG, posed.options.lowest)[0]
    np.testing.assert_allclose(play(posed, agent).action_TA[:, 0], wanted_G)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_with_a_past_a_search_begins_better(seed: int, tmp_path: Path) -> None:
    """Ten evaluations under a new budget: mean reward with and without the best of forty under another."""
    history, _ = filled(tmp_path / "history.sqlite", evaluations=40)
    rewards = []
    for past in (Past(store="history.sqlite"), Past(store="history.sqlite", solutions=1)):
        posed = quick(env([Budget(Flops(), 0.4)]))
        agent = OnPolicy(**SPEC).build(posed.problem, seed)
        inherit(history, described(posed), posed, agent, past)
        archive = search(posed, agent, 10).archive
        rewards.append(np.mean([judgement.score.accuracy for judgement in archive]))
    assert rewards[1] > rewards[0] + 0.01


def test_a_policy_is_taken_from_a_checkpoint_without_a_history(tmp_path: Path) -> None:
    posed = quick(env(problem=SOFT))
    teacher = OnPolicy(**SPEC).build(posed.problem, seed=0)
    saving = Saving(tmp_path / "agent.pt", {"constraints": ["flops", "params"]})
    search(posed, teacher, 20, saving=saving)
    deep = quick(deep_env(BUDGETS))
    agent = OnPolicy(**SPEC).build(deep.problem, seed=1)
    past = Past(policy=str(saving.path))
    assert inherit(None, described(deep, DEEP), deep, agent, past) == Inherited(transferred=True)
    np.testing.assert_array_equal(
        play(deep, agent, deterministic=True).action_TA, play(deep, teacher, deterministic=True).action_TA
    )


def test_a_policy_that_cannot_be_taken_over_is_an_error(tmp_path: Path) -> None:
    posed = env()
    with pytest.raises(InputError, match="policy to begin with"):
        inherit(None, described(posed), posed, Scripted(), Past(policy=str(tmp_path / "agent.pt")))


def test_the_same_past_gives_the_same_agent(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite")
    states = []
    for _ in range(2):
        posed = env([Budget(Flops(), 0.4)])
        agent = OnPolicy(**SPEC).build(posed.problem, seed=0)
        inherit(history, described(posed), posed, agent, Past(store="history.sqlite", solutions=4, imitation=20))
        states.append(str(agent.state_dict()))
    assert states[0] == states[1]


def test_an_agent_of_masks_is_not_taught_but_saves_judgements(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite")
    posed = env(problem=PruningProblem(action="mask"))
    agent = OnPolicy(**SPEC).build(posed.problem, seed=0)
    told = inherit(history, described(posed), posed, agent, Past(store="history.sqlite", solutions=4, replay=4))
    assert told == Inherited(judgements=len(posed.judge.memo))
    assert told.judgements > 5
