import multiprocessing
import pickle
import sqlite3
from pathlib import Path

import pytest

from cpruner.errors import InputError
from cpruner.evaluate import Store


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "memo.sqlite", "task")
    record = {"score": {"loss": float("inf"), "accuracy": 0.1 + 0.2}, "kept": [[0, 2], []]}
    assert store.get("a") is None
    store.put("a", record)
    assert store.get("a") == record
    assert len(store) == 1


def test_the_last_record_of_a_key_stays(tmp_path: Path) -> None:
    store = Store(tmp_path / "memo.sqlite", "task")
    store.put("a", 1)
    store.put("a", 2)
    assert (store.get("a"), len(store)) == (2, 1)


def test_tasks_do_not_see_each_other(tmp_path: Path) -> None:
    one, two = (Store(tmp_path / "memo.sqlite", task) for task in ("one", "two"))
    one.put("a", 1)
    assert two.get("a") is None
    two.put("a", 2)
    assert (one.get("a"), two.get("a"), len(one)) == (1, 2, 1)


def test_nothing_is_held_between_calls(tmp_path: Path) -> None:
    store = Store(tmp_path / "memo.sqlite", "task")
    store.put("a", 1)
    assert pickle.loads(pickle.dumps(store)).get("a") == 1  # noqa: S301 - our own bytes
    assert [path.name for path in tmp_path.iterdir()] == ["memo.sqlite"]


def write(path: Path, writer: int) -> None:
    store = Store(path, "task")
    for number in range(20):
        store.put(f"{writer} {number}", [writer, number])
        store.put("shared", [writer] * 100)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the children touch nothing but the file
def test_several_processes_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write, args=(path, writer)) for writer in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    store = Store(path, "task")
    assert len(store) == 61
    assert store.get("2 19") == [2, 19]
    assert len(set(store.get("shared"))) == 1


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 30, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"memo .*memo\.sqlite: expected a file of judgements in format 1"):
        Store(path, "task")
    assert path.read_bytes() == content


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "memo.sqlite"
    Store(path, "task").put("a", "x" * 20000)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(InputError, match=r"Give another path, or delete the file"):
        Store(path, "task").get("a")


def test_a_damaged_record_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "memo.sqlite", "task")
    store.put("a", 1)
    with sqlite3.connect(store.path) as connection:
        connection.execute("UPDATE judgement SET record = '{'")
    connection.close()
    with pytest.raises(InputError, match="memo"):
        store.get("a")


@pytest.mark.parametrize(
    ("statement", "named"),
    [("CREATE TABLE mine (x)", "application 0, format 0"), ("PRAGMA user_version = 9", "application 0, format 9")],
)
def test_the_database_of_another_program_is_left_alone(statement: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match=named):
        Store(path, "task")
    assert path.read_bytes() == before


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "memo.sqlite", "task")
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(InputError, match="format 2"):
        store.get("a")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="memo"):
        Store(tmp_path, "task")
