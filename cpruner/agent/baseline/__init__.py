"""What every agent is compared with, under the same protocol."""

from cpruner.agent.baseline.annealing import Annealing
from cpruner.agent.baseline.cross_entropy import CrossEntropy
from cpruner.agent.baseline.evolution import CMAES
from cpruner.agent.baseline.plan import Plan
from cpruner.agent.baseline.random import Random
from cpruner.agent.baseline.shrink import Shrink
from cpruner.agent.baseline.uniform import Uniform

__all__ = [
    "CMAES",
    "Annealing",
    "CrossEntropy",
    "Plan",
    "Random",
    "Shrink",
    "Uniform",
]
