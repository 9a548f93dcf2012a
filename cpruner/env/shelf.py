"""Judgements on disk, shared with other runs of the same task."""

import hashlib
from dataclasses import dataclass
from typing import final

from cpruner.env.judge import Judgement
from cpruner.env.record import pack, unpack
from cpruner.errors import InputError
from cpruner.evaluate import Store
from cpruner.space import Candidate, Plan


@final
@dataclass(frozen=True, eq=False)
class Shelf:
    """A store of plain data behind a memo of judgements.

    Args:
        store: Where they are; its task must tell apart whatever a judgement depends on but the candidate.
        plan: Of the network the candidates are cut from.
    """

    store: Store
    plan: Plan

    def __getitem__(self, candidate: Candidate) -> Judgement:
        record = self.store.get(digest(candidate))
        if record is None:
            raise KeyError(candidate)
        try:
            judgement = unpack(record, self.plan)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"memo {self.store.path}",
                expected="judgements as cpruner writes them",
                got=repr(error),
                remedy="Delete the file: it is only a memo.",
            ) from error
        return judgement

    def __setitem__(self, candidate: Candidate, judgement: Judgement) -> None:
        if judgement.score.complete:  # an estimate is good for one floor only
            self.store.put(digest(candidate), pack(judgement))


def digest(candidate: Candidate) -> str:
    """Hash of what a candidate keeps, and of which structure."""
    return hashlib.sha256(f"{candidate.structure} {candidate.kept}".encode()).hexdigest()
