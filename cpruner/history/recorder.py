"""Writes down what one run judges."""

import json
from dataclasses import dataclass
from typing import final

from cpruner.cmdp import Episode
from cpruner.env import Judgement
from cpruner.errors import InputError
from cpruner.history import rows
from cpruner.history.database import Database
from cpruner.history.run import Run


@final
@dataclass(frozen=True)
class Recorder:
    """One run in a file; ``History.record`` makes it.

    Args:
        database: Where.
        run: Which.
    """

    database: Database
    run: Run

    def add(self, number: int, judgement: Judgement, episode: Episode | None = None) -> None:
        """Write an evaluation, all of it or nothing; what the run has under this number already is replaced.

        Args:
            number: 1 for the first evaluation of the run.
            judgement: What was judged.
            episode: How the agent came to it.

        Raises:
            InputError: The number is not positive, the candidate is of another network, or the file cannot be written.
        """
        self._check(number, judgement)
        candidate, score, key = judgement.candidate, judgement.score, {"run": self.run.id, "number": number}
        follows = candidate.kept == self.run.kept(candidate.widths)
        evaluation = {
            "widths": json.dumps(candidate.widths),
            "kept": None if follows else json.dumps(candidate.kept, separators=(",", ":")),
            "accuracy": score.accuracy,
            "loss": score.loss,
            "divergence": score.divergence,
            "images": score.images,
            "abandoned": score.abandoned,
            "complete": score.complete,
            "feasible": judgement.feasible,
        }
        with self.database.writing() as connection:
            connection.execute("DELETE FROM evaluation WHERE run = :run AND number = :number", key)
            rows.insert(connection, "evaluation", {**key, **evaluation})
            for place, reading in enumerate(judgement.readings):
                rows.insert(connection, "reading", {**key, "place": place, **rows.of_reading(reading)})
            if episode is not None:
                rows.insert(connection, "episode", {**key, **rows.of_episode(episode)})

    def _check(self, number: int, judgement: Judgement) -> None:
        if number < 1:
            raise InputError("number", expected="1 or more", got=number, remedy="Count evaluations from 1.")
        if judgement.candidate.structure != self.run.plan:
            raise InputError(
                "judgement",
                expected=f"a candidate of the network with plan {self.run.plan}",
                got=judgement.candidate.structure,
                remedy="Record every network in a run of its own.",
            )
