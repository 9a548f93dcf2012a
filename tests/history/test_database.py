import multiprocessing
import pickle
import sqlite3
from pathlib import Path

import pytest

from cpruner.errors import InputError
from cpruner.history.database import Database


def insert(database: Database, digest: str) -> None:
    with database.writing() as connection:
        connection.execute("INSERT INTO ranking VALUES (?, x'00')", (digest,))


def digests(database: Database) -> list[str]:
    with database.reading() as connection:
        return [row["digest"] for row in connection.execute("SELECT digest FROM ranking ORDER BY digest")]


def test_a_file_is_made_with_its_folder_and_nothing_stays_open(tmp_path: Path) -> None:
    database = Database(tmp_path / "new" / "history.sqlite")
    insert(database, "a")
    assert digests(pickle.loads(pickle.dumps(database))) == ["a"]  # noqa: S301 - our own bytes
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["history.sqlite"]


def test_it_has_a_write_ahead_log_and_checks_foreign_keys(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite")
    with database.reading() as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    with pytest.raises(InputError, match="FOREIGN KEY"), database.writing() as connection:
        connection.execute("INSERT INTO budget VALUES (7, 0, 'flops', '', NULL, 1.0, 1.0)")


def test_what_breaks_off_is_taken_back(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite")
    insert(database, "a")

    def interrupted() -> None:
        with database.writing() as connection:
            connection.execute("INSERT INTO ranking VALUES ('b', x'00')")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert digests(database) == ["a"]


def test_a_reader_sees_one_state_and_does_not_keep_a_writer_waiting(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite")
    with database.reading() as connection:
        count = "SELECT count(*) FROM ranking"
        before = connection.execute(count).fetchone()[0]
        insert(database, "a")
        assert connection.execute(count).fetchone()[0] == before == 0
    assert digests(database) == ["a"]


def write(path: Path, writer: int) -> None:
    database = Database(path)
    for number in range(15):
        insert(database, f"{writer} {number:02}")


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the children touch nothing but the file
def test_several_processes_make_and_write_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    fork = multiprocessing.get_context("fork")
    writers = [fork.Process(target=write, args=(path, writer)) for writer in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    assert digests(Database(path)) == [f"{writer} {number:02}" for writer in range(4) for number in range(15)]


@pytest.mark.parametrize("content", [b"not a database, but long enough to be looked at" * 30, b"\x00" * 5000])
def test_a_file_that_is_no_database_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "history.sqlite"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"history .*history\.sqlite: expected a history in version 1"):
        Database(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("statement", "named"),
    [("CREATE TABLE mine (x)", "application 0, version 0"), ("PRAGMA user_version = 9", "application 0, version 9")],
)
def test_the_database_of_another_program_is_left_alone(statement: str, named: str, tmp_path: Path) -> None:
    path = tmp_path / "theirs.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(InputError, match=named):
        Database(path)
    assert path.read_bytes() == before


def test_a_newer_version_is_refused(tmp_path: Path) -> None:
    database = Database(tmp_path / "history.sqlite")
    with database.writing() as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(InputError, match=r"version 2\. Give another path"):
        digests(database)


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unable to open"):
        Database(tmp_path)
