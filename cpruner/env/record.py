"""Judgements as plain data, for checkpoints and histories."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from cpruner.constraint import Reading
from cpruner.env.judge import Judgement
from cpruner.evaluate import Score
from cpruner.space import Candidate, Plan


def pack(judgement: Judgement) -> dict[str, Any]:
    """Kept channels, score and readings as lists and numbers."""
    return {
        "kept": [list(kept) for kept in judgement.candidate.kept],
        "score": asdict(judgement.score),
        "readings": [asdict(reading) for reading in judgement.readings],
    }


def unpack(record: Mapping[str, Any], plan: Plan) -> Judgement:
    """Inverse of ``pack`` for the network ``plan`` belongs to."""
    candidate = Candidate(tuple(tuple(kept) for kept in record["kept"]), plan)
    readings = tuple(Reading(**reading) for reading in record["readings"])
    return Judgement(candidate, Score(**record["score"]), readings)
