"""One entry: cut and refit."""

from torch import nn

from cpruner.candidate import Candidate, Surgeon
from cpruner.repair.recalibrate import recalibrate
from cpruner.repair.refit import sequential, static
from cpruner.repair.spec import Repair
from cpruner.repair.statistics import Statistics

_MODES = {"static": static, "sequential": sequential}


def repaired(surgeon: Surgeon, candidate: Candidate, statistics: Statistics, spec: Repair) -> nn.Module:
    """Cut a candidate and refit it as ``spec`` says.

    Args:
        surgeon: Of the dense network, which stays untouched.
        candidate: What to keep.
        statistics: Of the dense network.
        spec: Mode and options.

    Returns:
        The smaller network in eval mode.
    """
    small = surgeon(candidate).eval()
    if spec.mode in _MODES:
        _MODES[spec.mode](small, candidate, statistics, spec)
    if spec.recalibrate:
        recalibrate(small, statistics.images)
    return small
