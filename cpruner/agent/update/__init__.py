"""Policy updates: what is done to a policy with a batch of whole episodes."""

from cpruner.agent.update.batch import Batch, PolicyUpdate, UpdateSpec
from cpruner.agent.update.clipped import Clipped
from cpruner.agent.update.constrained import Constrained
from cpruner.agent.update.cup import CUP
from cpruner.agent.update.focops import FOCOPS
from cpruner.agent.update.p3o import P3O
from cpruner.agent.update.policy_gradient import PolicyGradient
from cpruner.agent.update.trust_region import TrustRegion

__all__ = [
    "CUP",
    "FOCOPS",
    "P3O",
    "Batch",
    "Clipped",
    "Constrained",
    "PolicyGradient",
    "PolicyUpdate",
    "TrustRegion",
    "UpdateSpec",
]
