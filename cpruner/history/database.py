"""The SQLite file of a history: opened anew for every call, written by several processes at once."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import final

from cpruner.errors import InputError
from cpruner.history.tables import APPLICATION, SCHEMA, VERSION

_PATIENCE = 60.0  # seconds to wait while another process writes


@final
@dataclass(frozen=True)
class Database:
    """Where a history is kept.

    Nothing is held between calls, so it can be pickled, forked and shared among threads. The file has a write-ahead
    log, so readers and a writer do not wait for each other.

    Args:
        path: The file; it is made if it is missing.

    Raises:
        InputError: The file is damaged, of another program or of another version, or cannot be made.
    """

    path: Path

    def __post_init__(self) -> None:
        with self.reading():
            pass

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the file; rows are found by name."""
        with self._open() as connection:
            connection.execute("BEGIN")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A connection all of whose changes are made, or none."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection  # closing it without a commit takes everything back
            connection.execute("COMMIT")

    def refusal(self, why: str) -> InputError:
        """What to raise where the file does not hold what it should."""
        return InputError(
            f"history {self.path}",
            expected=f"a history in version {VERSION} as cpruner writes it, or no file yet",
            got=why,
            remedy="Give another path, or the cpruner that wrote it.",
        )

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None)) as connection:
                connection.row_factory = sqlite3.Row
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("PRAGMA synchronous = NORMAL")  # whole after a power cut, less the last moments
                self._begin(connection)
                yield connection
        except InputError:
            raise
        except (sqlite3.Error, OSError, ValueError, TypeError, LookupError) as error:  # damage shows in many ways
            raise self.refusal(f"{type(error).__name__}: {error}") from error

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty file; refuse what others have written."""
        if self._marks(connection) == (APPLICATION, VERSION):
            return
        connection.execute("BEGIN IMMEDIATE")  # two processes may find the file empty at once
        marks = self._marks(connection)
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if marks == (0, 0) and not tables:
            for statement in filter(str.strip, SCHEMA.split(";")):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif marks != (APPLICATION, VERSION):
            raise self.refusal(f"application {marks[0]}, version {marks[1]}")
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")

    @staticmethod
    def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        return int(application), int(version)
