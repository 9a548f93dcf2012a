"""A free stand-in for the search loss: error of every width from the elimination path, calibrated by judgements."""

from cpruner.surrogate.calibrate import calibrated
from cpruner.surrogate.curvature import curvature
from cpruner.surrogate.knapsack import knapsack
from cpruner.surrogate.refine import Refinement, refine
from cpruner.surrogate.spec import Calibration
from cpruner.surrogate.surrogate import Surrogate, surrogate

__all__ = ["Calibration", "Refinement", "Surrogate", "calibrated", "curvature", "knapsack", "refine", "surrogate"]
