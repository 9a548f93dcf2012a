"""Closed-form refit of the layers behind a cut, from activation statistics gathered once."""

from cpruner.repair.polish import Polish, polish
from cpruner.repair.recalibrate import recalibrate
from cpruner.repair.repairer import Repairer
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Layer, Skipped, Statistics, gather, gather_cached, unrepaired

__all__ = [
    "Layer",
    "Polish",
    "Repair",
    "Repairer",
    "Skipped",
    "Statistics",
    "gather",
    "gather_cached",
    "polish",
    "recalibrate",
    "unrepaired",
]
