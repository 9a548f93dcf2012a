"""Pruning as a constrained Markov decision process, as a ``gymnasium.Env``."""

from cpruner.env.bench import Bench
from cpruner.env.judge import Judge, Judgement
from cpruner.env.observation import Observer, Predicted, entry_names
from cpruner.env.predicted_env import PredictedEnv
from cpruner.env.projection import Countable
from cpruner.env.pruning_env import PruningEnv
from cpruner.env.record import pack, unpack
from cpruner.env.shelf import Shelf
from cpruner.env.spec import PruningProblem

__all__ = [
    "Bench",
    "Countable",
    "Judge",
    "Judgement",
    "Observer",
    "Predicted",
    "PredictedEnv",
    "PruningEnv",
    "PruningProblem",
    "Shelf",
    "entry_names",
    "pack",
    "unpack",
]
