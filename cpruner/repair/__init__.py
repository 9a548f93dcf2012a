"""Closed-form refit of the layers behind a cut, from activation statistics gathered once."""

from cpruner.repair.cache import gather_cached
from cpruner.repair.layer import Layer
from cpruner.repair.recalibrate import recalibrate
from cpruner.repair.repairer import Repairer
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Statistics, gather

__all__ = ["Layer", "Repair", "Repairer", "Statistics", "gather", "gather_cached", "recalibrate"]
