"""The search loop: evaluation budget, archive, best feasible candidate, checkpoint and resume."""

from cpruner.search.assistant import Assistant, Assisting
from cpruner.search.checkpoint import FILE, Checkpoint
from cpruner.search.front import front
from cpruner.search.head_start import HeadStart
from cpruner.search.loop import Progress, Saving, search
from cpruner.search.result import SearchResult, Update, best_feasible, quality
from cpruner.search.rollout import play
from cpruner.search.spec import Search

__all__ = [
    "FILE",
    "Assistant",
    "Assisting",
    "Checkpoint",
    "HeadStart",
    "Progress",
    "Saving",
    "Search",
    "SearchResult",
    "Update",
    "best_feasible",
    "front",
    "play",
    "quality",
    "search",
]
