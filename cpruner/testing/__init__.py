"""Shipped test problems with known optimum, and contract checks for plug-ins."""

from cpruner.testing.agent_contract import check_agent
from cpruner.testing.allocation import Allocation
from cpruner.testing.cost_contract import check_cost
from cpruner.testing.model_contract import check_model
from cpruner.testing.tabular_cmdp import TabularCMDP
from cpruner.testing.toy_cmdp import Solution, ToyCMDP

__all__ = [
    "Allocation",
    "Solution",
    "TabularCMDP",
    "ToyCMDP",
    "check_agent",
    "check_cost",
    "check_model",
]
