"""Shipped test problems with known optimum, and contract checks for plug-ins."""

from cpruner.testing.agent_contract import check_agent
from cpruner.testing.allocation import Allocation
from cpruner.testing.toy_cmdp import Solution, ToyCMDP

__all__ = [
    "Allocation",
    "Solution",
    "ToyCMDP",
    "check_agent",
]
