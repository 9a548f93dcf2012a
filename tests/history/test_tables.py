import re
import sqlite3
from pathlib import Path

import pytest

from cpruner.history.tables import APPLICATION, SCHEMA, VERSION

DOC = Path(__file__).parents[2] / "docs" / "history.md"


def made() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(SCHEMA)
    return connection


def columns() -> dict[str, list[str]]:
    """Columns of every table and view."""
    connection = made()
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
    found = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}
    connection.close()
    return found


@pytest.mark.parametrize("table", ["run", "ranking", "budget", "evaluation", "reading", "episode", "cost"])
def test_the_document_names_every_column(table: str) -> None:
    section = re.search(rf"^### `{table}`.*?(?=^#|\Z)", DOC.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert section, f"docs/history.md has no section on {table}"
    told = [
        name for row in re.findall(r"^\| (.+?) \|", section[0], re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    ]
    assert told == columns()[table]


def test_no_table_is_left_out_of_the_document() -> None:
    assert set(columns()) == {"run", "ranking", "budget", "evaluation", "reading", "episode", "cost"}


def test_the_document_names_the_marks_of_the_file() -> None:
    text = DOC.read_text(encoding="utf-8")
    assert f"`PRAGMA user_version` is {VERSION}" in text
    assert f"`PRAGMA application_id` is {APPLICATION}" in text
    assert APPLICATION.to_bytes(4, "big") == b"cprh"


def test_the_view_puts_a_cost_beside_its_limit() -> None:
    connection = made()
    connection.execute("INSERT INTO reading VALUES (1, 2, 0, 'latency', 'ms', 3.0, 0.5, 4.0, 12.0)")
    (row,) = connection.execute("SELECT * FROM cost").fetchall()
    connection.close()
    assert row == (1, 2, "latency", 3.0, 2.5, 3.5, "ms", 4.0, 0.75, 0.25)
