"""Judging networks: accuracy, loss and divergence on a split, at what speed, when to stop, and what is remembered."""

from cpruner.evaluate.choice import recalled as recalled
from cpruner.evaluate.choice import record as record
from cpruner.evaluate.evaluation_set import EvaluationSet as EvaluationSet
from cpruner.evaluate.evaluation_set import digest as digest
from cpruner.evaluate.memo import Memo as Memo
from cpruner.evaluate.numerics import Numerics as Numerics
from cpruner.evaluate.score import Score as Score
from cpruner.evaluate.score import score as score
from cpruner.evaluate.scorer import Scorer as Scorer
from cpruner.evaluate.spec import Judging as Judging
from cpruner.evaluate.store import Store as Store
from cpruner.evaluate.trial import Trial as Trial
from cpruner.evaluate.worth import REWARDS as REWARDS
from cpruner.evaluate.worth import worth as worth

__all__ = [
    "REWARDS",
    "EvaluationSet",
    "Judging",
    "Memo",
    "Numerics",
    "Score",
    "Scorer",
    "Store",
    "Trial",
    "digest",
    "recalled",
    "record",
    "score",
    "worth",
]
