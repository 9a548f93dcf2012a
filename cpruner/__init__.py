"""cpruner: prune trained PyTorch networks to measured budgets with constrained reinforcement learning."""

from cpruner import agent, constraint
from cpruner.candidate import Candidate, load, masked, materialise
from cpruner.constraint import Budget
from cpruner.pipeline import prune
from cpruner.result import Result
from cpruner.settings import Settings
from cpruner.space import PruningSpace, trace

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "Candidate",
    "PruningSpace",
    "Result",
    "Settings",
    "agent",
    "constraint",
    "load",
    "masked",
    "materialise",
    "prune",
    "trace",
]
