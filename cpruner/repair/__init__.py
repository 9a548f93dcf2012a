"""Closed-form refit of the layers behind a cut, from activation statistics gathered once."""

from cpruner.repair.apply import repaired
from cpruner.repair.builder import Builder
from cpruner.repair.elimination import elimination
from cpruner.repair.recalibrate import recalibrate
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Statistics, gather

__all__ = ["Builder", "Repair", "Statistics", "elimination", "gather", "recalibrate", "repaired"]
