"""What every agent is compared with, under the same protocol."""

from cpruner.agent.baseline.cross_entropy import CrossEntropy
from cpruner.agent.baseline.random import Random
from cpruner.agent.baseline.uniform import Uniform

__all__ = [
    "CrossEntropy",
    "Random",
    "Uniform",
]
