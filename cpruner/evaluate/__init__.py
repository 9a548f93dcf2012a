"""Accuracy and loss of a network on a split, and a memo so that no candidate is judged twice."""

from cpruner.evaluate.memo import Memo as Memo
from cpruner.evaluate.score import Score as Score
from cpruner.evaluate.score import score as score

__all__ = [
    "Memo",
    "Score",
    "score",
]
