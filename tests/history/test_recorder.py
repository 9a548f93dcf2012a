import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from tiny_past import deep_env, described, filled
from tiny_task import BUDGETS, Scripted, env, flops, space

from cpruner.candidate import Candidate
from cpruner.errors import InputError
from cpruner.evaluate import Score
from cpruner.history import History
from cpruner.search.rollout import decide


def asked(path: Path, text: str) -> list[tuple[object, ...]]:
    """What the shell would answer."""
    connection = sqlite3.connect(path)
    found = connection.execute(text).fetchall()
    connection.close()
    return found


def test_what_was_added_can_be_read_in_the_shell(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    filled(path, script=[0.5, 0.5, 0.5, 1.0, 1.0, 1.0], evaluations=2)
    (half, dense) = asked(path, "SELECT number, widths, kept, accuracy, loss, complete FROM evaluation ORDER BY number")
    assert half[0] == 1
    assert dense[0] == 2
    assert half[1] == json.dumps(env().space.at(env().keep_ratios([0.5, 0.5, 0.5])).widths)
    assert half[2] is None
    assert (half[3], half[5]) == (pytest.approx(1 - half[4]), 1)  # type: ignore[operator]
    ((value, limit, share),) = asked(
        path, "SELECT value, cost_limit, share_of_limit FROM cost WHERE number = 1 AND budget = 'flops'"
    )
    assert value == flops(*json.loads(str(half[1])))
    assert (limit, share) == (7568.0, value / 7568.0)  # type: ignore[operator]


def test_a_judgement_and_its_episode_come_back(tmp_path: Path) -> None:
    posed, agent = env(), Scripted([0.9, 0.3, 0.4])
    decided = decide(posed, agent)
    judged, episode = posed.judge(decided.candidate), decided.finish()
    history = History(tmp_path / "history.sqlite")
    recorder = history.record(described(posed))
    recorder.add(1, judged, episode)
    recorder.add(2, judged)
    (found,) = history.episodes(recorder.run)
    assert found.judgement(space().plan) == judged
    assert found.episode is not None
    np.testing.assert_array_equal(found.episode.observation_TO, episode.observation_TO)
    np.testing.assert_array_equal(found.episode.cost_TK, episode.cost_TK)
    assert [e.number for e in history.judged(recorder.run)] == [1, 2]


def test_channels_are_written_only_where_they_do_not_follow_from_the_widths(tmp_path: Path) -> None:
    posed = env()
    best = space().best((2, 3, 4))
    worst = Candidate(
        tuple(tuple(sorted(order[-w:])) for order, w in zip(space().ranking, (2, 3, 4), strict=True)), space().plan
    )
    assert worst != best
    history = History(tmp_path / "history.sqlite")
    recorder = history.record(described(posed))
    for number, candidate in enumerate((best, worst), 1):
        recorder.add(number, posed.judge(candidate))
    assert [e.kept for e in history.judged(recorder.run)] == [best.kept, worst.kept]
    kept = asked(tmp_path / "history.sqlite", "SELECT kept FROM evaluation ORDER BY number")
    assert kept[0] == (None,)
    assert json.loads(str(kept[1][0])) == [list(group) for group in worst.kept]


def test_a_number_that_comes_again_replaces_all_of_it(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=3)
    wider = env().judge(space().dense())
    recorder.add(2, wider)
    judged = history.judged(recorder.run)
    assert [e.number for e in judged] == [1, 2, 3]
    assert judged[1].judgement(space().plan) == wider
    assert [e.number for e in history.episodes(recorder.run)] == [1, 3]


def test_what_fails_leaves_the_old_evaluation(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=1)
    before = history.judged(recorder.run)
    broken = env(score=lambda network: Score(None, 1.0, 1)).judge(space().dense())  # type: ignore[arg-type]
    with pytest.raises(InputError, match="NOT NULL"):
        recorder.add(1, broken)
    assert history.judged(recorder.run) == before
    assert len(history.episodes(recorder.run)) == 1


def test_an_abandoned_candidate_is_marked(tmp_path: Path) -> None:
    posed = env(score=lambda network: Score(0.1, 2.0, 5, None, abandoned=0.8))
    history = History(tmp_path / "history.sqlite")
    recorder = history.record(described(posed))
    recorder.add(1, posed.judge(space().dense()))
    assert history.judged(recorder.run)[0].score == Score(0.1, 2.0, 5, None, 0.8)
    row = asked(tmp_path / "history.sqlite", "SELECT complete, abandoned, images, feasible FROM evaluation")
    assert row == [(0, 0.8, 5, 0)]


def test_numbers_begin_with_one_and_networks_are_not_mixed(tmp_path: Path) -> None:
    _, recorder = filled(tmp_path / "history.sqlite", evaluations=1)
    with pytest.raises(InputError, match="number: expected 1 or more, got 0"):
        recorder.add(0, env().judge(space().dense()))
    deep = deep_env(BUDGETS)
    with pytest.raises(InputError, match="judgement: expected a candidate of the network with plan"):
        recorder.add(2, deep.judge(deep.space.dense()))
