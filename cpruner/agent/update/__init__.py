"""Policy updates: what is done to a policy with a batch of whole episodes."""

from cpruner.agent.update.batch import Batch, PolicyUpdate, UpdateSpec
from cpruner.agent.update.clipped import Clipped

__all__ = [
    "Batch",
    "Clipped",
    "PolicyUpdate",
    "UpdateSpec",
]
