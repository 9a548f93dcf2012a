"""Agents that act in a constrained Markov decision process; of cpruner they know ``cmdp`` alone."""

from cpruner.agent.baseline import CMAES, Annealing, CrossEntropy, Plan, Random, Shrink, Uniform
from cpruner.agent.encoder import Attention, Perceptron, Recurrent, Table
from cpruner.agent.multiplier import PID, GradientAscent, NuPI, SoftplusAdam
from cpruner.agent.named import (
    cpo,
    cup,
    decore,
    focops,
    malik2022,
    p3o,
    ppo_lagrangian,
    rcpo,
    reinforce,
    trpo_lagrangian,
)
from cpruner.agent.off_policy import DDPG, DQN
from cpruner.agent.on_policy import OnPolicy
from cpruner.agent.policy import Bernoulli, Beta, Categorical, Gaussian, Squashed
from cpruner.agent.update import CUP, FOCOPS, P3O, Clipped, Constrained, PolicyGradient, TrustRegion
from cpruner.agent.warm_up import WarmUp

__all__ = [
    "CMAES",
    "CUP",
    "DDPG",
    "DQN",
    "FOCOPS",
    "P3O",
    "PID",
    "Annealing",
    "Attention",
    "Bernoulli",
    "Beta",
    "Categorical",
    "Clipped",
    "Constrained",
    "CrossEntropy",
    "Gaussian",
    "GradientAscent",
    "NuPI",
    "OnPolicy",
    "Perceptron",
    "Plan",
    "PolicyGradient",
    "Random",
    "Recurrent",
    "Shrink",
    "SoftplusAdam",
    "Squashed",
    "Table",
    "TrustRegion",
    "Uniform",
    "WarmUp",
    "cpo",
    "cup",
    "decore",
    "focops",
    "malik2022",
    "p3o",
    "ppo_lagrangian",
    "rcpo",
    "reinforce",
    "trpo_lagrangian",
]
