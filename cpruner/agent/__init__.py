"""Agents that act in a constrained Markov decision process; of cpruner they know ``cmdp`` alone."""

from cpruner.agent.cross_entropy import CrossEntropy
from cpruner.agent.ppo_lagrangian import PPOLagrangian
from cpruner.agent.random import Random
from cpruner.agent.uniform import Uniform

__all__ = [
    "CrossEntropy",
    "PPOLagrangian",
    "Random",
    "Uniform",
]
