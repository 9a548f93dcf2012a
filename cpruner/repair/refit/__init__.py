"""Weights of a cut network from the statistics: layer by layer, statically or in sequence."""

from cpruner.repair.refit.sequential import sequential
from cpruner.repair.refit.static import StaticRefit

__all__ = ["StaticRefit", "sequential"]
