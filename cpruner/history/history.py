"""The runs of the past: a file that every run adds to and later runs learn from."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from sqlite3 import Connection
from typing import final

from cpruner.cmdp import Episode
from cpruner.constraint import Reading
from cpruner.history import rows
from cpruner.history.database import Database
from cpruner.history.evaluation import Evaluation
from cpruner.history.recorder import Recorder
from cpruner.history.run import Run


@final
class History:
    """Judged candidates of any number of runs and networks, in one SQLite file (docs/history.md).

    Args:
        path: The file; it is made if it is missing.

    Raises:
        InputError: The file is damaged, of another program or of another version, or cannot be made.
    """

    def __init__(self, path: Path | str) -> None:
        self.database = Database(Path(path))

    def record(self, run: Run, *, resume: bool = False) -> Recorder:
        """Begin a run.

        Args:
            run: What it is.
            resume: Whether it continues an interrupted one: its evaluations go to the latest run that is equal in all
                options, if there is one.
        """
        with self.database.writing() as connection:
            found = None
            if resume:
                text = "SELECT id, started FROM run WHERE identity = ? ORDER BY id DESC"
                found = connection.execute(text, (run.identity,)).fetchone()
            if found is not None:
                return Recorder(self.database, replace(run, id=found["id"], started=found["started"]))
            started = datetime.now(timezone.utc).isoformat(timespec="seconds")
            ranking = {"digest": run.order_digest, "channels": rows.of_order(run.order)}
            rows.insert(connection, "ranking", ranking, known="IGNORE")
            number = rows.insert(connection, "run", rows.of_run(run, started))
            for place, target in enumerate(run.targets):
                told = {"name": target.name, "unit": target.unit, "counted": target.counted, "dense": target.dense}
                rows.insert(connection, "budget", {"run": number, "place": place, "cost_limit": target.limit, **told})
            return Recorder(self.database, replace(run, id=number, started=started))

    def runs(self, *, model: str | None = None, plan: str | None = None, alike: str | None = None) -> tuple[Run, ...]:
        """Runs in the order in which they began.

        Args:
            model: Fingerprint of a network; None for all.
            plan: Fingerprint of a structure; None for all.
            alike: ``Run.alike`` of a run whose judgements they could share; None for all.
        """
        wanted = {"model": model, "plan": plan, "conditions": alike}
        wanted = {column: value for column, value in wanted.items() if value is not None}
        where = " AND ".join(["1", *(f"{column} = :{column}" for column in wanted)])
        text = f"SELECT run.*, channels FROM run JOIN ranking ON digest = ranking_digest WHERE {where} ORDER BY id"  # noqa: S608
        with self.database.reading() as connection:
            found = connection.execute(text, wanted).fetchall()
            text = "SELECT * FROM budget WHERE run = ? ORDER BY place"
            budgets = [connection.execute(text, (row["id"],)).fetchall() for row in found]
            return tuple(rows.to_run(row, b, row["channels"]) for row, b in zip(found, budgets, strict=True))

    def judged(self, run: Run) -> tuple[Evaluation, ...]:
        """Every candidate a run has judged, in its order."""
        with self.database.reading() as connection:
            return self._evaluations(connection, run)

    def episodes(self, run: Run) -> tuple[Evaluation, ...]:
        """The same with the episodes; candidates without one are left out."""
        with self.database.reading() as connection:
            judged = self._evaluations(connection, run)
            found = connection.execute("SELECT * FROM episode WHERE run = ?", (run.id,))
            episodes: dict[int, Episode] = {row["number"]: rows.to_episode(row) for row in found}
            return tuple(replace(e, episode=episodes[e.number]) for e in judged if e.number in episodes)

    def _evaluations(self, connection: Connection, run: Run) -> tuple[Evaluation, ...]:
        readings: dict[int, list[Reading]] = {}
        for row in connection.execute("SELECT * FROM reading WHERE run = ? ORDER BY number, place", (run.id,)):
            readings.setdefault(row["number"], []).append(rows.to_reading(row))
        found = connection.execute("SELECT * FROM evaluation WHERE run = ? ORDER BY number", (run.id,))
        return tuple(
            Evaluation(
                run=run.id,
                number=row["number"],
                structure=run.plan,
                kept=run.kept(json.loads(row["widths"])) if row["kept"] is None else _groups(json.loads(row["kept"])),
                score=rows.to_score(row),
                readings=tuple(readings.get(row["number"], ())),
            )
            for row in found
        )


def _groups(kept: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    return tuple(tuple(group) for group in kept)
