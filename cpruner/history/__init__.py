"""What earlier runs have judged: a file that every run adds to, and what a new run can take over from it."""

from cpruner.history.archive import observed, recall
from cpruner.history.evaluation import Evaluation
from cpruner.history.history import History
from cpruner.history.inheritance import Inherited, inherit
from cpruner.history.lesson import Lessons, lessons, on_budget, replays
from cpruner.history.recorder import Recorder
from cpruner.history.run import Conditions, Run, Target
from cpruner.history.spec import Past
from cpruner.history.transfer import transfer

__all__ = [
    "Conditions",
    "Evaluation",
    "History",
    "Inherited",
    "Lessons",
    "Past",
    "Recorder",
    "Run",
    "Target",
    "inherit",
    "lessons",
    "observed",
    "on_budget",
    "recall",
    "replays",
    "transfer",
]
