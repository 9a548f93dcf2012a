"""Agents that act in a constrained Markov decision process; of cpruner they know ``cmdp`` alone."""

from cpruner.agent.baseline import CMAES, Annealing, CrossEntropy, Plan, Random, Shrink, Uniform
from cpruner.agent.encoder import Attention, Perceptron, Recurrent, Table
from cpruner.agent.multiplier import PID, GradientAscent, NuPI, SoftplusAdam
from cpruner.agent.named import ppo_lagrangian
from cpruner.agent.on_policy import OnPolicy
from cpruner.agent.policy import Bernoulli, Beta, Categorical, Gaussian, Squashed
from cpruner.agent.update import Clipped

__all__ = [
    "CMAES",
    "PID",
    "Annealing",
    "Attention",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Clipped",
    "CrossEntropy",
    "Gaussian",
    "GradientAscent",
    "NuPI",
    "OnPolicy",
    "Perceptron",
    "Plan",
    "Random",
    "Recurrent",
    "Shrink",
    "SoftplusAdam",
    "Squashed",
    "Table",
    "Uniform",
    "ppo_lagrangian",
]
