"""What is kept of a dense network's activations: moments, rows and targets of every layer."""

from cpruner.repair.statistics.cache import gather_cached
from cpruner.repair.statistics.layer import Layer, Skipped
from cpruner.repair.statistics.moment import Moments, factor, inverse, merged, moments, portions, refit, ridge
from cpruner.repair.statistics.statistics import Statistics, gather, unrepaired

__all__ = [
    "Layer",
    "Moments",
    "Skipped",
    "Statistics",
    "factor",
    "gather",
    "gather_cached",
    "inverse",
    "merged",
    "moments",
    "portions",
    "refit",
    "ridge",
    "unrepaired",
]
