"""A file of results that several processes read and write at once."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

from cpruner.errors import InputError

_APPLICATION = 0x6370726E  # "cprn": what marks a file as one of these
_FORMAT = 1
_PATIENCE = 60.0  # seconds to wait while another process writes
_SCHEMA = "CREATE TABLE judgement (task TEXT, key TEXT, record TEXT, PRIMARY KEY (task, key)) WITHOUT ROWID"


@final
@dataclass(frozen=True)
class Store:
    """Records as plain data, by task and key, in an SQLite file.

    Every call opens the file anew: nothing is held between calls, so a store can be pickled, forked and shared among
    threads. A judgement takes seconds, opening takes a fraction of a millisecond.

    Args:
        path: The file; it is made if it is missing.
        task: What the records belong to; records of other tasks in the same file are not seen.

    Raises:
        InputError: The file is damaged, of another program or of a newer format, or cannot be made.
    """

    path: Path
    task: str

    def __post_init__(self) -> None:
        with self._open():
            pass

    def get(self, key: str) -> Any:
        """The record of a key, or None."""
        with self._open() as connection:
            found = connection.execute("SELECT record FROM judgement WHERE task = ? AND key = ?", (self.task, key))
            row = found.fetchone()
            return None if row is None else json.loads(row[0])

    def put(self, key: str, record: Any) -> None:
        """Keep a record; of two that come at the same time one stays, whole."""
        row = (self.task, key, json.dumps(record))
        with self._open() as connection, connection:
            connection.execute("INSERT OR REPLACE INTO judgement VALUES (?, ?, ?)", row)

    def __len__(self) -> int:
        with self._open() as connection:
            found = connection.execute("SELECT count(*) FROM judgement WHERE task = ?", (self.task,))
            return int(found.fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as connection:
                self._begin(connection)
                yield connection
        except (sqlite3.Error, OSError, json.JSONDecodeError) as error:
            raise self._refusal(str(error)) from error

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Make the table in an empty file; refuse what others have written."""
        if self._marks(connection) == (_APPLICATION, _FORMAT):
            return
        with connection:
            connection.execute("BEGIN IMMEDIATE")  # two processes may find the file empty at once
            marks = self._marks(connection)
            tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
            if marks == (0, 0) and not tables:
                connection.execute(_SCHEMA)
                connection.execute(f"PRAGMA application_id = {_APPLICATION}")
                connection.execute(f"PRAGMA user_version = {_FORMAT}")
            elif marks != (_APPLICATION, _FORMAT):
                raise self._refusal(f"application {marks[0]}, format {marks[1]}")

    @staticmethod
    def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
        application, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
        )
        return int(application), int(version)

    def _refusal(self, why: str) -> InputError:
        return InputError(
            f"memo {self.path}",
            expected=f"a file of judgements in format {_FORMAT} as cpruner writes it, or none yet",
            got=why,
            remedy="Give another path, or delete the file if it is only a memo.",
        )
