from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny_past import DEEP, deep_env, described, filled, quick
from tiny_task import BUDGETS, SOFT, env, flops

from cpruner.cmdp import Episode
from cpruner.constraint import Budget, External, Flops
from cpruner.env import PruningEnv, PruningProblem
from cpruner.errors import InputError
from cpruner.history import Lessons, lessons, on_budget, recall, replays

Array = NDArray[np.float64]
TIGHT = [Budget(Flops(), 0.3)]


def by_hand(posed: PruningEnv, action_T: Array) -> Episode:
    """The episode as the environment itself plays it."""
    observations, rewards, costs = [posed.reset()[0]], [], []
    for action in action_T:
        observation, reward, _, _, info = posed.step(np.array([action]))
        observations.append(observation)
        rewards.append(reward)
        costs.append(info["cost"])
    return Episode(np.stack(observations[:-1]), action_T[:, None], np.array(rewards), np.stack(costs))


def same(left: Episode, right: Episode) -> None:
    for name in ("observation_TO", "action_TA", "reward_T", "cost_TK"):
        np.testing.assert_allclose(getattr(left, name), getattr(right, name), atol=1e-12)


def given(*rows: tuple[float, float, bool]) -> Lessons:
    """Lessons by cost, reward and whether they are from the same network."""
    cost_N, reward_N, own_N = (np.array(column) for column in zip(*rows, strict=True))
    return Lessons(np.arange(len(rows), dtype=float)[:, None], reward_N, cost_N[:, None], own_N)


def test_near_solutions_go_first_and_then_good_ones() -> None:
    found = given((0.3, 0.9, True), (0.95, 0.5, True), (1.1, 0.7, True), (1.4, 0.8, True), (1.0, 0.6, True))
    assert found.best(5, 0.25).ratio_NG[:, 0].tolist() == [2, 4, 1, 3, 0]
    assert found.best(2, 0.25).reward_N.tolist() == [0.7, 0.6]
    assert found.best(5, 9.0).ratio_NG[:, 0].tolist() == [0, 3, 2, 4, 1]


def test_the_own_network_goes_before_others() -> None:
    found = given((1.0, 0.9, False), (5.0, 0.1, True), (1.0, 0.8, False))
    assert found.best(3, 0.25).ratio_NG[:, 0].tolist() == [1, 0, 2]
    assert len(found.best(0, 0.25)) == 0


def test_lessons_are_what_was_judged_with_the_costs_of_the_new_budgets(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite")
    posed = env(TIGHT)
    found = lessons(history, described(posed), posed)
    widths = [tuple(row) for row in posed.space.widths_of(found.ratio_NG).tolist()]
    assert set(widths) == {e.widths for e in history.judged(recorder.run)}
    np.testing.assert_allclose(found.reward_N, [(a + 2 * b + 3 * c) / 40 for a, b, c in widths])
    np.testing.assert_allclose(found.cost_NK[:, 0], [flops(*row) / (0.3 * 15136) for row in widths])
    assert found.own_N.all()


def test_another_network_teaches_by_relative_depth_and_relative_loss(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite", quick(env(problem=SOFT)), [0.5, 0.5, 1.0], evaluations=1)
    posed = deep_env(BUDGETS)
    run = replace(described(posed, DEEP), dense=replace(described(posed).dense, accuracy=0.9))
    found = lessons(history, run, posed)
    np.testing.assert_allclose(found.ratio_NG, [[0.5, 0.5, 0.5, 0.75, 1.0]])
    np.testing.assert_allclose(found.reward_N, [(2 + 6 + 24) / 40 - 0.1])
    assert not found.own_N.any()
    assert len(lessons(history, run, posed, others=False)) == 0
    assert on_budget(lessons(history, run, posed, others=False), posed) == []


def test_of_equal_lessons_that_of_the_own_network_counts(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    deep = quick(deep_env(BUDGETS))
    filled(path, deep, [1.0] * 5, DEEP, 1)
    posed = quick(env(problem=SOFT))
    history, recorder = filled(path, posed, [1.0] * 3, evaluations=1)
    found = lessons(history, recorder.run, posed)
    np.testing.assert_array_equal(found.ratio_NG, [[1.0, 1.0, 1.0]])
    assert (found.own_N.tolist(), found.reward_N.tolist()) == ([True], [1.0])


@pytest.mark.parametrize("feasibility", ["soft", "scaled"])
def test_lessons_are_brought_onto_the_budget(feasibility: str, tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite")
    posed = env(TIGHT, PruningProblem(feasibility=feasibility))
    found = lessons(history, described(posed), posed).best(5, 0.25)
    episodes = on_budget(found, posed)
    assert len(episodes) == 5
    for episode, reward in zip(episodes, found.reward_N, strict=True):
        assert episode.total_reward == reward
        assert 0.4 < episode.total_cost_K[0] <= 1.0
        exact = by_hand(posed, episode.action_TA[:, 0])
        np.testing.assert_allclose(episode.observation_TO, exact.observation_TO)
        np.testing.assert_allclose(episode.cost_TK, exact.cost_TK)


def test_without_a_counted_budget_proportions_stay(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=3)
    posed = env([Budget(External(lambda network, inputs: 1.0, name="drop"), 2.0)])
    found = lessons(history, recorder.run, posed)
    for episode, ratio_G in zip(on_budget(found, posed), found.ratio_NG, strict=True):
        np.testing.assert_array_equal(episode.action_TA[:, 0], ratio_G)


@pytest.mark.parametrize("feasibility", ["soft", "scaled"])
@pytest.mark.parametrize("budgets", [BUDGETS, TIGHT], ids=["same", "other"])
def test_every_replay_is_an_episode_of_the_new_environment(
    feasibility: str, budgets: list[Budget], tmp_path: Path
) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", quick(env(problem=PruningProblem(feasibility=feasibility))))
    posed = env(budgets, PruningProblem(feasibility=feasibility))
    run = described(posed)
    found = replays(history, run, posed, recall(history, run, posed), most=100)
    assert len(found) >= (12 if feasibility == "soft" or budgets is BUDGETS else 1)
    for episode in found:
        same(episode, by_hand(posed, episode.action_TA[:, 0]))
    if budgets is BUDGETS:
        for evaluation in history.episodes(recorder.run):
            assert evaluation.episode is not None
            actions = [episode.action_TA.tolist() for episode in found]
            same(found[actions.index(evaluation.episode.action_TA.tolist())], evaluation.episode)


def test_of_many_replays_the_latest_are_taken(tmp_path: Path) -> None:
    posed = quick(env(problem=SOFT))
    history, recorder = filled(tmp_path / "history.sqlite", posed)
    known = recall(history, recorder.run, posed)
    all_of_them = replays(history, recorder.run, posed, known, most=100)
    for few, last in zip(replays(history, recorder.run, posed, known, most=3), all_of_them[-3:], strict=True):
        same(few, last)


def test_without_a_known_judgement_nothing_is_replayed(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite")
    assert replays(history, recorder.run, env(), (), most=9) == []


def test_nothing_is_judged_meanwhile(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite")
    posed = env(TIGHT)
    known = recall(history, described(posed), posed)
    on_budget(lessons(history, described(posed), posed), posed)
    replays(history, recorder.run, posed, known, most=9)
    assert len(posed.judge.memo) == 0


@pytest.mark.parametrize("action", ["ratio", "levels"])
def test_lessons_cover_the_shares_of_the_limits(action: str, tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite")
    posed = env(problem=PruningProblem(tightest=0.5, action=action))
    found = lessons(history, recorder.run, posed).best(3, 0.25)
    wide, _, tight = on_budget(found, posed)
    assert wide.action_TA.sum() > tight.action_TA.sum()
    for episode, share in ((wide, 1.0), (tight, 0.5)):
        seen_TO = [posed.reset(options={"share": share})[0]]
        seen_TO += [posed.step(action_A)[0] for action_A in episode.action_TA[:-1]]
        np.testing.assert_allclose(episode.observation_TO, seen_TO)


def test_an_episode_that_pays_every_step_needs_a_judgement_of_every_step(tmp_path: Path) -> None:
    posed = quick(env(problem=PruningProblem(pays="every", feasibility="soft")))
    history, recorder = filled(tmp_path / "history.sqlite", posed)
    known = list(recall(history, recorder.run, posed))
    assert replays(history, recorder.run, posed, known, most=99) == []
    ratios = history.episodes(recorder.run)[0].episode.action_TA[:, 0].clip(0.1, 1.0)  # type: ignore[union-attr]
    stages = [[*ratios[:step], *[1.0] * (3 - step)] for step in (1, 2)]
    known += [posed.judge(posed.space.at([float(ratio) for ratio in stage])) for stage in stages]
    found = replays(history, recorder.run, posed, known, most=99)
    assert len(found) >= 1
    for episode in found:
        same(episode, by_hand(posed, episode.action_TA[:, 0]))


def test_masks_cannot_be_foreseen(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=2)
    posed = env(problem=PruningProblem(action="mask"))
    with pytest.raises(InputError, match="expected ratio or levels"):
        on_budget(lessons(history, recorder.run, posed), posed)
