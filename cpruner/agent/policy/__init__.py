"""Policies: an encoder, and a head that turns its features into a distribution over actions."""

from cpruner.agent.policy.bernoulli import Bernoulli
from cpruner.agent.policy.beta import Beta
from cpruner.agent.policy.categorical import Categorical
from cpruner.agent.policy.gaussian import Gaussian
from cpruner.agent.policy.head import Head, HeadSpec
from cpruner.agent.policy.law import Law
from cpruner.agent.policy.policy import Policy
from cpruner.agent.policy.squashed import Squashed

__all__ = [
    "Bernoulli",
    "Beta",
    "Categorical",
    "Gaussian",
    "Head",
    "HeadSpec",
    "Law",
    "Policy",
    "Squashed",
]
