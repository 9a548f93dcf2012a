import sqlite3
from pathlib import Path

import pytest
from tiny_past import DEEP, deep_env, described, filled
from tiny_task import BUDGETS, env, space

from cpruner.constraint import Budget, Flops
from cpruner.errors import InputError
from cpruner.history import History


def test_a_run_comes_back_as_it_was(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    run = described(env(), name="random", origin="replay=3")
    recorder = history.record(run)
    assert history.runs() == (run,)
    assert (history.runs()[0].id, history.runs()[0].started) == (1, recorder.run.started)
    assert recorder.run.started.endswith("+00:00")
    assert history.runs()[0].identity == run.identity


def test_a_new_run_gets_a_new_row_and_a_resumed_one_continues_its_own(tmp_path: Path) -> None:
    history = History(str(tmp_path / "history.sqlite"))
    run, other = described(env()), described(env(), seed=1)
    first, second, third = history.record(run), history.record(run), history.record(other)
    assert [first.run.id, second.run.id, third.run.id] == [1, 2, 3]
    assert history.record(run, resume=True).run.id == 2
    assert history.record(other, resume=True).run == third.run
    assert history.record(described(env(), seed=2), resume=True).run.id == 4
    assert len(history.runs()) == 4


def test_a_resumed_run_has_no_evaluation_twice(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=5)
    whole = history.judged(recorder.run)
    again = history.record(described(env()), resume=True)
    for evaluation in whole[3:]:  # what came after the checkpoint is played again
        again.add(evaluation.number, evaluation.judgement(space().plan))
    again.add(6, whole[0].judgement(space().plan))
    assert history.judged(recorder.run)[:5] == whole
    assert [e.number for e in history.judged(again.run)] == [1, 2, 3, 4, 5, 6]
    assert len(history.runs()) == 1


def test_runs_are_found_by_network_structure_and_conditions(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    tiny, tight = described(env()), described(env([Budget(Flops(), 0.3)]))
    deep = described(deep_env(BUDGETS), DEEP)
    for run in (tiny, deep, tight):
        history.record(run)
    assert history.runs() == (tiny, deep, tight)
    assert history.runs(model="tiny") == history.runs(plan=tiny.plan) == history.runs(alike=tiny.alike) == (tiny, tight)
    assert history.runs(model="deep", plan=deep.plan) == (deep,)
    assert history.runs(model="deep", plan=tiny.plan) == history.runs(model="tin") == ()


def test_an_order_of_channels_is_kept_once(tmp_path: Path) -> None:
    history = History(tmp_path / "history.sqlite")
    for seed in range(3):
        history.record(described(env(), seed=seed))
    with history.database.reading() as connection:
        assert connection.execute("SELECT count(*) FROM ranking").fetchone()[0] == 1


def test_a_run_can_be_taken_out(tmp_path: Path) -> None:
    history, _ = filled(tmp_path / "history.sqlite", evaluations=2)
    filled(tmp_path / "history.sqlite", evaluations=1)
    with history.database.writing() as connection:
        connection.execute("DELETE FROM run WHERE id = 1")
    (left,) = history.runs()
    assert left.id == 2
    with history.database.reading() as connection:
        tables = ("budget", "evaluation", "reading", "episode")
        counts = [len(connection.execute(f"SELECT run FROM {table}").fetchall()) for table in tables]  # noqa: S608
    assert counts == [2, 1, 2, 1]


def test_a_damaged_row_is_refused(tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=1)
    connection = sqlite3.connect(tmp_path / "history.sqlite")
    connection.execute("UPDATE evaluation SET widths = '[1'")
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match=r"history .*JSONDecodeError"):
        history.judged(recorder.run)


@pytest.mark.parametrize("column", ["observations", "rewards"])
def test_a_short_episode_is_refused(column: str, tmp_path: Path) -> None:
    history, recorder = filled(tmp_path / "history.sqlite", evaluations=1)
    with history.database.writing() as connection:
        connection.execute(f"UPDATE episode SET {column} = x'0000000000000000'")  # noqa: S608
    with pytest.raises(InputError, match="reshape"):
        history.episodes(recorder.run)
