"""Rules by which Lagrange multipliers follow measured violations."""

from cpruner.agent.multiplier.gradient_ascent import GradientAscent
from cpruner.agent.multiplier.nupi import NuPI
from cpruner.agent.multiplier.pid import PID
from cpruner.agent.multiplier.rule import MultiplierRule, MultiplierSpec
from cpruner.agent.multiplier.softplus_adam import SoftplusAdam

__all__ = [
    "PID",
    "GradientAscent",
    "MultiplierRule",
    "MultiplierSpec",
    "NuPI",
    "SoftplusAdam",
]
